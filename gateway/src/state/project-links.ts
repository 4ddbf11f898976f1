// Projects of several Keystones that are one tenant, because an administrator has said so. Names are never matched.

export interface LinkedProject {
  /** The Keystone's name in the configuration of the peers. */
  readonly keystone: string;
  readonly projectId: string;
}

export interface ProjectLink {
  readonly id: string;
  /** The first names the tenant everywhere: its clusters are of that project. */
  readonly projects: readonly LinkedProject[];
}
