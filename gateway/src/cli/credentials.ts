// Passwords that the gateway tells once. They are kept in a file that only its owner reads, from which `cluster uri`
// makes a complete URI.
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Credentials } from './resources.ts';

/** Where a user's passwords lie: in a local federation's home, when it is the one in use, else in the user's folder. */
export function credentialsFolder(
  home: string | undefined,
  environment: NodeJS.ProcessEnv,
  userFolder: string,
): string {
  if (home !== undefined) return join(home, 'credentials');
  const configured = environment.XDG_CONFIG_HOME;
  const base = configured === undefined || configured === '' ? join(userFolder, '.config') : configured;
  return join(base, 'argosy', 'credentials');
}

/** Keeps a cluster's password; answers where. */
export function storeCredentials(folder: string, clusterId: string, credentials: Credentials): string {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const path = fileOf(folder, clusterId);
  // Renamed when whole: a full disk must not cost the password that was known before.
  const temporary = `${path}.${process.pid}`;
  writeFileSync(temporary, `${JSON.stringify(credentials, undefined, 2)}\n`, { mode: 0o600 });
  chmodSync(temporary, 0o600);
  renameSync(temporary, path);
  return path;
}

/** A cluster's password, if it is kept here. */
export function readCredentials(folder: string, clusterId: string): Credentials | undefined {
  const path = fileOf(folder, clusterId);
  if (!existsSync(path)) return undefined;
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Credentials;
  } catch {
    return undefined;
  }
}

export function removeCredentials(folder: string, clusterId: string): void {
  rmSync(fileOf(folder, clusterId), { force: true });
}

function fileOf(folder: string, clusterId: string): string {
  // An id comes from the network: it must not name a file elsewhere.
  return join(folder, `${clusterId.replaceAll(/[^A-Za-z0-9-]/g, '_')}.json`);
}
