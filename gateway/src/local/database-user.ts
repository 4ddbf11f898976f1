// As root, database servers run as another user: PostgreSQL refuses to run as root, and so would anyone. What they read
// and write must be where that user can get to.
import { readFileSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

export interface DatabaseUser {
  readonly name: string;
  readonly uid: number;
  /** All of its groups. */
  readonly gids: readonly number[];
}

/** Mode and owners of a folder. */
export interface FolderMode {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

const CANDIDATES = ['postgres', 'nobody'] as const;

/** The user whom database servers run as; undefined when that is the user of this process. */
export function chooseDatabaseUser(ownUid: number): DatabaseUser | undefined {
  if (ownUid !== 0) return undefined;
  return findUser(readFileSync('/etc/passwd', 'utf8'), readFileSync('/etc/group', 'utf8'));
}

/** The first of the candidates that the machine has. */
export function findUser(passwd: string, group: string): DatabaseUser | undefined {
  const users = new Map(passwd.split('\n').map((line) => [line.split(':')[0], line.split(':')]));
  for (const name of CANDIDATES) {
    const fields = users.get(name);
    if (fields === undefined) continue;
    const others = group
      .split('\n')
      .map((line) => line.split(':'))
      .filter((entry) => (entry[3] ?? '').split(',').includes(name))
      .map((entry) => Number(entry[2]));
    return { name, uid: Number(fields[2]), gids: [Number(fields[3]), ...others] };
  }
  return undefined;
}

/** The first folder on the way to a path that this user cannot enter; undefined when the way is open. */
export function barrierTo(
  path: string,
  user: DatabaseUser,
  modeOf: (path: string) => FolderMode = statSync,
): string | undefined {
  const way: string[] = [];
  for (let folder = path; ; folder = dirname(folder)) {
    way.unshift(folder);
    if (folder === dirname(folder)) break;
  }
  return way.find((folder) => !canEnter(modeOf(folder), user));
}

function canEnter(folder: FolderMode, user: DatabaseUser): boolean {
  if (user.uid === 0) return true;
  // The first class that applies decides, also when a later one would allow more.
  if (folder.uid === user.uid) return (folder.mode & 0o100) !== 0;
  if (user.gids.includes(folder.gid)) return (folder.mode & 0o010) !== 0;
  return (folder.mode & 0o001) !== 0;
}
