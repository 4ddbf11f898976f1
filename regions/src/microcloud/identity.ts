// Microcloud's Keystone: who may sign in, in which projects and with which roles, as the configuration has it, and the
// documents that Keystone v3 makes of it.
import { createHash } from 'node:crypto';
import type { MicrocloudSettings } from './config.ts';
import type { Token } from './tokens.ts';

const DOMAIN = { id: 'default', name: 'Default' } as const;

export interface Endpoints {
  readonly keystone: string;
  readonly heat: string;
}

export interface NamedRef {
  readonly id?: string;
  readonly name?: string;
  readonly domain?: { readonly id?: string; readonly name?: string };
}

export class Directory {
  readonly #config: MicrocloudSettings;
  readonly #endpoints: Endpoints;

  constructor(config: MicrocloudSettings, endpoints: Endpoints) {
    this.#config = config;
    this.#endpoints = endpoints;
  }

  /** The user's name when the password is the user's; undefined otherwise. */
  signIn(user: NamedRef & { readonly password?: string }): string | undefined {
    const known = this.#config.users.find(
      ({ name, password }) =>
        password === user.password && (user.id === undefined ? name === user.name : idOf(name) === user.id),
    );
    return known !== undefined && (user.id !== undefined || isDefault(user.domain)) ? known.name : undefined;
  }

  /** The project, when the user has a role in it. */
  project(userName: string, ref: NamedRef): { id: string; name: string } | undefined {
    const project = this.#config.projects.find(({ id, name }) =>
      ref.id === undefined ? name === ref.name && isDefault(ref.domain) : id === ref.id,
    );
    return project !== undefined && this.roles(userName, project.id).length > 0 ? project : undefined;
  }

  roles(userName: string, projectId: string | undefined): string[] {
    const name = this.#config.projects.find(({ id }) => id === projectId)?.name;
    const roles = this.#config.users.filter((user) => user.name === userName && user.project === name);
    return [...new Set(roles.flatMap((user) => user.roles))];
  }

  projectsOf(userName: string): object[] {
    return this.projects().filter(({ id }) => this.roles(userName, id).length > 0);
  }

  projects(): { id: string; name: string }[] {
    return this.#config.projects.map((project) => ({
      ...project,
      domain_id: DOMAIN.id,
      parent_id: DOMAIN.id,
      enabled: true,
      is_domain: false,
      description: '',
      tags: [],
      links: { self: `${this.#endpoints.keystone}/v3/projects/${project.id}` },
    }));
  }

  users(): { id: string; name: string }[] {
    return [...new Set(this.#config.users.map(({ name }) => name))].map((name) => ({
      id: idOf(name),
      name,
      domain_id: DOMAIN.id,
      enabled: true,
      password_expires_at: null,
      links: { self: `${this.#endpoints.keystone}/v3/users/${idOf(name)}` },
    }));
  }

  /** The body that tells what a token stands for. */
  tokenBody(token: Token): object {
    const project = this.#config.projects.find(({ id }) => id === token.projectId);
    const scope =
      project === undefined
        ? {}
        : {
            project: { domain: DOMAIN, id: project.id, name: project.name },
            is_domain: false,
            roles: this.roles(token.userName, project.id).map((name) => ({ id: idOf(name), name })),
            catalog: this.catalog(project.id),
          };
    return {
      token: {
        methods: token.methods,
        user: { domain: DOMAIN, id: idOf(token.userName), name: token.userName, password_expires_at: null },
        audit_ids: [token.id],
        issued_at: new Date(token.issuedAtMs).toISOString(),
        expires_at: new Date(token.expiresAtMs).toISOString(),
        ...scope,
      },
    };
  }

  catalog(projectId: string): object[] {
    const services = [
      { type: 'identity', name: 'keystone', url: `${this.#endpoints.keystone}/v3` },
      { type: 'orchestration', name: 'heat', url: `${this.#endpoints.heat}/v1/${projectId}` },
      ...this.#config.catalog,
    ];
    return services.map(({ type, name, url }) => ({
      id: idOf(`service ${type}`),
      type,
      name,
      endpoints: ['public', 'internal', 'admin'].map((face) => ({
        id: idOf(`${type} ${face}`),
        interface: face,
        region: this.#config.region,
        region_id: this.#config.region,
        url: url.replace(/[%$]\((?:project|tenant)_id\)s?/g, projectId),
      })),
    }));
  }

  versions(): object {
    return {
      id: 'v3.14',
      status: 'stable',
      updated: '2020-04-07T00:00:00Z',
      links: [{ rel: 'self', href: `${this.#endpoints.keystone}/v3/` }],
      'media-types': [{ base: 'application/json', type: 'application/vnd.openstack.identity-v3+json' }],
    };
  }
}

/** A stable id in Keystone's form. */
function idOf(name: string): string {
  return createHash('sha256').update(name).digest('hex').slice(0, 32);
}

function isDefault(domain: NamedRef['domain']): boolean {
  return domain?.id === DOMAIN.id || domain?.name?.toLowerCase() === DOMAIN.name.toLowerCase();
}
