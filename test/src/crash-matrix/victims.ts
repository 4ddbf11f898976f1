// Which process of the local federation is to be killed, when it is not the one that has reached the point.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { Place, ProcessKind } from './control.ts';

export interface FederationFile {
  readonly slot: number;
  readonly pid: number;
  readonly peers: readonly {
    readonly id: number;
    readonly rest: string;
    readonly grpc: string;
    readonly pid: number | null;
  }[];
  readonly regions: readonly {
    readonly name: string;
    readonly admin: string;
    readonly identity: string;
    readonly pid: number | null;
    readonly microcloud_pid: number | null;
  }[];
  readonly ca: string;
  /** Where regions have networks of their own. */
  readonly network?: {
    readonly control: string;
    readonly places: readonly { readonly name: string; readonly namespace: string }[];
  } | null;
}

export function readFederation(home: string): FederationFile {
  return JSON.parse(readFileSync(join(home, 'federation.json'), 'utf8')) as FederationFile;
}

/** Undefined when there is no such process at the moment. */
export function findVictim(home: string, kind: ProcessKind, { region, ordinal }: Place): number | undefined {
  const found = readFederation(home).regions.find(({ name }) => name === region);
  if (kind === 'executor') return found?.pid ?? undefined;
  if (kind === 'microcloud') return found?.microcloud_pid ?? undefined;
  if (kind !== 'agent') return undefined;
  const suffix = `-${ordinal}`;
  return findGuests(home).find(({ role, memberId, region: own }) => {
    return role === 'agent' && memberId.endsWith(suffix) && own === region;
  })?.pid;
}

/** A process of a member: its init, its agent, its database, or another that one of these has started. */
export interface GuestProcess {
  readonly pid: number;
  readonly role: 'init' | 'agent' | 'database' | 'other';
  /** Empty when what it works in is gone. */
  readonly memberId: string;
  readonly region: string;
  readonly command: string;
}

/** All living processes of this federation's members. */
export function findGuests(home: string): GuestProcess[] {
  const lifeline = lifelineOf(home);
  const volumes = join(home, 'volumes');
  const found = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => readGuest(Number(name), lifeline, volumes) ?? []);
  return found.flatMap(({ runFolder, ...guest }) => {
    if (guest.region !== '') return guest;
    // Who knows nothing but where it runs, as a door does, belongs to whom runs there as well.
    const owner = found.find((other) => other.region !== '' && other.runFolder === runFolder);
    return owner === undefined ? [] : { ...guest, memberId: owner.memberId, region: owner.region };
  });
}

/** With the folder that all of a guest's own processes run in. */
type FoundProcess = GuestProcess & { readonly runFolder?: string | undefined };

/** A Unix socket whose path every process of a federation carries. */
function lifelineOf(home: string): string {
  const file = join(home, 'processes');
  const [first] = readdirSync(file).filter((name) => name.includes('microcloud'));
  const config = JSON.parse(readFileSync(join(file, first ?? '', 'config.json'), 'utf8')) as { lifeline: string };
  return config.lifeline;
}

function readGuest(pid: number, lifeline: string, volumes: string): FoundProcess | undefined {
  try {
    const words = readFileSync(`/proc/${pid}/cmdline`, 'latin1').split('\0');
    const command = words.join(' ').trim();
    if (command === '') return undefined;
    const folder = readlinkSync(`/proc/${pid}/cwd`);
    // A database has an environment of its own and works in its volume: `volumes/REGION/VOLUME/...`; who has it for a parent
    // is a part of it.
    if (folder.startsWith(`${volumes}/`)) {
      const [region = '', volume = ''] = folder.slice(volumes.length + 1).split('/');
      const memberId = readField(join(volumes, region, volume, 'agent/state.json'), 'memberId');
      return { pid, role: isWithin(volumes, parentOf(pid)) ? 'other' : 'database', memberId, region, command };
    }
    const variables = readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0');
    const variable = (name: string): string | undefined =>
      variables.find((text) => text.startsWith(`${name}=`))?.slice(name.length + 1);
    const userData = variable('ARGOSY_USER_DATA');
    const runFolder = variable('ARGOSY_RUN_DIRECTORY');
    if (userData === undefined && runFolder !== undefined) {
      return { pid, role: 'other', memberId: '', region: '', command, runFolder };
    }
    if (variable('ARGOSY_LIFELINE') !== lifeline || userData === undefined) return undefined;
    const [memberId, region] = [readField(userData, 'member_id'), readField(userData, 'region')];
    return { pid, role: roleOf(words), memberId, region, command, runFolder };
  } catch {
    // It has ended meanwhile.
    return undefined;
  }
}

function isWithin(volumes: string, pid: number): boolean {
  try {
    return readlinkSync(`/proc/${pid}/cwd`).startsWith(`${volumes}/`);
  } catch {
    // Not ours to look at: the system's first process, for example.
    return false;
  }
}

function parentOf(pid: number): number {
  return Number(/^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]);
}

function roleOf(words: readonly string[]): GuestProcess['role'] {
  if (words.some((word) => word.endsWith('/images/guest.sh'))) return 'init';
  return words.some((word) => /\/images\/dist\/.*agent\/(main\.js|lib\/agent\.cjs)$/.test(word)) ? 'agent' : 'other';
}

function readField(file: string, field: string): string {
  try {
    return String((JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>)[field]);
  } catch {
    return '';
  }
}
