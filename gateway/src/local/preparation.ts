// What comes before the first process: the home is ours, the slot is held, the state is empty if that is wanted, and
// what is drawn once is drawn.
import { existsSync, mkdirSync, realpathSync, rmSync } from 'node:fs';
import type { Clock } from '@argosy/proto';
import { barrierTo, chooseDatabaseUser, type DatabaseUser } from './database-user.ts';
import { StartError } from './errors.ts';
import { ensureFolder, ensureOwnFolder, PASSAGE_FOLDER, PRIVATE_FOLDER, SECRET_FILE, writeJson } from './folders.ts';
import { lockHome } from './home-lock.ts';
import {
  enginesFolder,
  type HomePaths,
  homePaths,
  lifelinePath,
  outsideDataFolder,
  runFolder,
  statePaths,
  volumesFolder,
} from './home-paths.ts';
import { waitForEnd } from './last-run.ts';
import type { RegionName } from './layout.ts';
import { removeNetwork } from './network/namespaces.ts';
import { findMarked, type ProcessRef } from './process-table.ts';
import { drawSettings, readSettings, type Settings, slotOfHome } from './settings.ts';
import { type HeldSlot, holdFreeSlot, holdStoredSlot, listenOnDoor, type SlotSources } from './slots.ts';

/** The variable by which every process of a federation carries its lifeline. */
export const LIFELINE_VARIABLE = 'ARGOSY_LIFELINE';
/** How long members may take to stop their databases. */
export const MEMBERS_END_LIMIT_MS = 20_000;

export interface PreparationOptions {
  readonly paths: HomePaths;
  readonly isFresh: boolean;
  /** The regions that are wanted with a real Keystone and a real Heat; undefined: as it was begun. */
  readonly openstack: readonly RegionName[] | undefined;
  /** Each region is wanted in a network of its own; false: as it was begun. */
  readonly isNetworked: boolean;
  /** The regions that are wanted with translated addresses; undefined: as it was begun. */
  readonly translated: readonly RegionName[] | undefined;
  readonly uid: number;
  /** The system's folder for temporary files. */
  readonly temporary: string;
  readonly reservations: string;
  readonly clock: Clock;
  readonly say: (line: string) => void;
}

export interface Preparation {
  readonly settings: Settings;
  readonly run: string;
  readonly databaseUser: DatabaseUser | undefined;
  /** Why volumes and engines are not in the home, if they are not. */
  readonly barrier: string | undefined;
  /** The federation's processes, of this run or the last. */
  readonly find: () => ProcessRef[];
  /** Gives back the home and the slot. */
  readonly release: () => void;
}

/** @throws StartError; nothing is held then. */
export async function prepare(options: PreparationOptions): Promise<Preparation> {
  const { paths, uid, isFresh } = options;
  if (options.isNetworked) demandRoot(uid);
  makeHome(paths.root, uid);
  const unlock = lockHome(paths.lock);
  let held: HeldSlot | undefined;
  try {
    if (isFresh) await removeState(options);
    const stored = readSettings(paths.settings);
    if (stored !== undefined) demandSame(stored, options);
    if (stored?.isNetworked === true) demandRoot(uid);
    const sources = slotSources(options);
    held = stored === undefined ? await holdFreeSlot(sources) : await holdStoredSlot(stored.slot, sources);
    const databaseUser = chooseDatabaseUser(uid);
    const barrier = databaseUser === undefined ? undefined : barrierTo(paths.root, databaseUser);
    const settings = stored ?? {
      ...drawSettings(held.slot, barrier === undefined ? paths.root : outsideDataFolder(paths.root)),
      openstack: [...(options.openstack ?? [])],
      isNetworked: options.isNetworked,
      translated: [...(options.translated ?? [])],
    };
    makeFolders(paths, settings.dataFolder);
    if (databaseUser !== undefined) demandWay(settings.dataFolder, databaseUser);
    if (stored === undefined) writeJson(paths.settings, settings, SECRET_FILE);

    const run = runFolder(options.temporary, uid, settings.slot);
    const { release } = held;
    const isOutside = settings.dataFolder !== paths.root;
    return {
      settings,
      run,
      databaseUser,
      barrier: isOutside ? (barrier ?? paths.root) : undefined,
      find: () => findProcesses(run, settings.dataFolder),
      release: () => {
        release();
        unlock();
      },
    };
  } catch (error) {
    held?.release();
    unlock();
    throw error;
  }
}

/** Waits for what the last run, if it was killed, still has to put in order. */
export async function endLastRun(
  find: () => readonly ProcessRef[],
  options: Pick<PreparationOptions, 'clock' | 'say'>,
): Promise<void> {
  const left = find();
  if (left.length === 0) return;
  options.say(`Waiting for ${left.length} processes of the last run to end.`);
  await waitForEnd({ clock: options.clock, find, limitMs: MEMBERS_END_LIMIT_MS });
}

/** Stacks do not move between a stand-in and a real Heat, nor members between networks. @throws StartError */
function demandSame(stored: Settings, { openstack: wanted, isNetworked, translated }: PreparationOptions): void {
  if (translated !== undefined && translated.join() !== stored.translated.join()) {
    const had = stored.translated.join(', ') || 'no region';
    throw new StartError(`This federation was begun with translated addresses in ${had}; --fresh begins anew.`);
  }
  if (isNetworked && !stored.isNetworked) {
    throw new StartError(
      'This federation was begun on loopback addresses, and its members are there; ' +
        'start without --netns to go on, or with --fresh to begin anew.',
    );
  }
  if (wanted === undefined || wanted.join() === stored.openstack.join()) return;
  const had = stored.openstack.length === 0 ? 'no region' : stored.openstack.join(', ');
  throw new StartError(
    `This federation was begun with a real Keystone and a real Heat in ${had}, and its stacks are there; ` +
      'start without --openstack to go on, or with --fresh to begin anew.',
  );
}

/** @throws StartError */
function demandRoot(uid: number): void {
  if (uid === 0) return;
  throw new StartError(
    'Network namespaces (--netns) are made by root only; run npm start as root, or without --netns.',
  );
}

function makeHome(root: string, uid: number): void {
  if (existsSync(root)) return;
  try {
    mkdirSync(root, { recursive: true });
  } catch (error) {
    throw new StartError(`The home ${root} cannot be made.`, { cause: error });
  }
  // As root, the database's user must get to its volumes below; what is secret has closed folders of its own.
  ensureFolder(root, uid === 0 ? PASSAGE_FOLDER : PRIVATE_FOLDER);
}

function makeFolders(paths: HomePaths, dataFolder: string): void {
  for (const folder of [paths.operator, paths.processes, paths.peers, paths.regions, paths.logs, paths.credentials]) {
    ensureFolder(folder, PRIVATE_FOLDER);
  }
  if (dataFolder !== paths.root) ensureOwnFolder(dataFolder, PASSAGE_FOLDER);
  ensureFolder(volumesFolder(dataFolder), PASSAGE_FOLDER);
  ensureFolder(enginesFolder(dataFolder), PASSAGE_FOLDER);
}

function demandWay(folder: string, user: DatabaseUser): void {
  const barrier = barrierTo(folder, user);
  if (barrier === undefined) return;
  throw new StartError(`User ${user.name}, whom databases run as, cannot enter ${barrier} ("chmod o+x ${barrier}").`);
}

async function removeState(options: PreparationOptions): Promise<void> {
  const { paths, uid, temporary } = options;
  const old = readOldSettings(paths);
  if (old !== undefined) {
    const run = runFolder(temporary, uid, old.slot);
    await endLastRun(() => findProcesses(run, old.dataFolder), options);
    if (uid === 0) await removeNetwork(old.slot);
  }
  const folders = new Set([old?.dataFolder ?? paths.root, outsideDataFolder(paths.root)]);
  for (const folder of folders) {
    for (const path of statePaths(paths, folder)) rmSync(path, { recursive: true, force: true });
  }
}

function readOldSettings(paths: HomePaths): Settings | undefined {
  try {
    return readSettings(paths.settings);
  } catch {
    // Damaged: that may be the reason for beginning anew.
    return undefined;
  }
}

function findProcesses(run: string, dataFolder: string): ProcessRef[] {
  return findMarked(`${LIFELINE_VARIABLE}=${lifelinePath(run)}`, [realPath(volumesFolder(dataFolder))]);
}

function slotSources({ paths, reservations }: PreparationOptions): SlotSources {
  return {
    home: paths.root,
    reservations,
    hold: listenOnDoor,
    slotOf: (home) => slotOfHome(homePaths(home).settings),
  };
}

function realPath(path: string): string {
  return existsSync(path) ? realpathSync(path) : path;
}
