// Where the files of a member of a group are, beside those of any member.
import { join } from 'node:path';
import { layoutOf, type Layout as MemberLayout } from '../layout.ts';

export interface Layout extends MemberLayout {
  /** What the members' servers show each other and trust: one certificate for the cluster. */
  readonly groupCertificateFile: string;
  readonly groupKeyFile: string;
  /** What the agent must know of the group before its server runs. */
  readonly recordFile: string;
  /** The server looks here for the program that a copy is made with. */
  readonly toolsFolder: string;
  readonly toolFile: string;
  /** Up to where the data reach, for that program. */
  readonly positionFile: string;
  /** The engine's own notes: where it stopped, and who was with it. */
  readonly stateFile: string;
  readonly viewFile: string;
}

/** How the server calls the way in which it is copied. */
export const COPY_METHOD = 'argosy';

export function groupLayoutOf(volume: string, runFolder: string): Layout {
  const member = layoutOf(volume, runFolder);
  const [tools, tls] = [join(volume, 'config'), join(volume, 'tls')];
  return {
    ...member,
    groupCertificateFile: join(tls, 'group-certificate.pem'),
    groupKeyFile: join(tls, 'group-key.pem'),
    recordFile: join(volume, 'galera.json'),
    toolsFolder: tools,
    toolFile: join(tools, `wsrep_sst_${COPY_METHOD}`),
    positionFile: join(tools, 'position'),
    stateFile: join(member.data, 'grastate.dat'),
    viewFile: join(member.data, 'gvwstate.dat'),
  };
}
