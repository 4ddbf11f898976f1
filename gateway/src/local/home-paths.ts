// What lies where in a federation's home. Volumes and engines may lie elsewhere, when the user whom databases run as
// cannot enter the home.
import { createHash } from 'node:crypto';
import { join } from 'node:path';

export interface HomePaths {
  readonly root: string;
  readonly lock: string;
  readonly federation: string;
  readonly clouds: string;
  readonly openrc: string;
  readonly authority: string;
  /** The operator's own: the root key, and what was drawn at the first start. No other process reads it. */
  readonly operator: string;
  readonly settings: string;
  readonly rootKey: string;
  /** Configurations, certificates and keys, a folder for each process. */
  readonly processes: string;
  /** The state of each region's microcloud. */
  readonly regions: string;
  /** The replicated state of each gateway peer. */
  readonly peers: string;
  readonly logs: string;
  readonly credentials: string;
}

export function homePaths(root: string): HomePaths {
  const operator = join(root, 'operator');
  return {
    root,
    lock: join(root, 'lock'),
    federation: join(root, 'federation.json'),
    clouds: join(root, 'clouds.yaml'),
    openrc: join(root, 'openrc'),
    authority: join(root, 'ca.pem'),
    operator,
    settings: join(operator, 'settings.json'),
    rootKey: join(operator, 'root.key'),
    processes: join(root, 'processes'),
    regions: join(root, 'regions'),
    peers: join(root, 'peers'),
    logs: join(root, 'logs'),
    credentials: join(root, 'credentials'),
  };
}

/** What `--fresh` takes away. The home may hold what is not ours, and unpacked engines are worth keeping. */
export function statePaths(paths: HomePaths, dataFolder: string): readonly string[] {
  const { federation, clouds, openrc, authority, operator, processes, regions, peers, logs, credentials } = paths;
  const volumes = volumesFolder(dataFolder);
  return [federation, clouds, openrc, authority, operator, processes, regions, peers, logs, credentials, volumes];
}

export function volumesFolder(dataFolder: string): string {
  return join(dataFolder, 'volumes');
}

export function enginesFolder(dataFolder: string): string {
  return join(dataFolder, 'engines');
}

const HASH_LENGTH = 12;

/** Where volumes and engines go when the home cannot be entered by the database's user. */
export function outsideDataFolder(home: string): string {
  return join('/var/tmp', `argosy-${createHash('sha256').update(home).digest('hex').slice(0, HASH_LENGTH)}`);
}

/** Longest path that is left to a federation's sockets, which end at 107 bytes with what others append. */
const LONGEST_RUN_FOLDER = 60;

/** Where this federation's Unix sockets live. */
export function runFolder(temporary: string, uid: number, slot: number): string {
  const name = `argosy-${uid}-${slot}`;
  const folder = join(temporary, name);
  return folder.length <= LONGEST_RUN_FOLDER ? folder : join('/tmp', name);
}

/** Where a drill asks for processes to be killed. */
export function disastersPath(run: string): string {
  return join(run, 'disasters');
}

/** Where faults of the network are asked for, under `--netns`. */
export function networkControlPath(run: string): string {
  return join(run, 'network');
}

export function lifelinePath(run: string): string {
  return join(run, 'lifeline');
}
