// The machine's processes as /proc shows them. A pid alone proves nothing, for the kernel uses it again: a process is
// the same one when its start time is.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

const COMMAND_LENGTH = 80;

export interface ProcessRef {
  readonly pid: number;
  /** In clock ticks since the machine's boot. */
  readonly startTime: string;
}

/** The process of this pid; undefined when there is none, or it has ended and is only not reaped yet. */
export function findProcess(pid: number): ProcessRef | undefined {
  const stat = readStat(pid);
  return stat === undefined ? undefined : { pid, startTime: stat.startTime };
}

export function isAlive(ref: ProcessRef): boolean {
  return findProcess(ref.pid)?.startTime === ref.startTime;
}

/** The pid of a process's parent. */
export function parentOf(pid: number): number | undefined {
  return readStat(pid)?.parent;
}

/** The command line of a process, shortened. */
export function commandOf(pid: number): string | undefined {
  const words = attempt(() => readFileSync(`/proc/${pid}/cmdline`, 'utf8'))
    ?.replaceAll('\0', ' ')
    .trim();
  const name = attempt(() => readFileSync(`/proc/${pid}/comm`, 'utf8'))?.trim();
  const text = words === undefined || words === '' ? name : words;
  return text !== undefined && text.length > COMMAND_LENGTH ? `${text.slice(0, COMMAND_LENGTH)}…` : text;
}

/** The process that holds a socket, if we may look into it. */
export function socketOwner(inode: string): number | undefined {
  return allPids().find((pid) => holdsSocket(pid, inode));
}

export function holdsSocket(pid: number, inode: string): boolean {
  const descriptors = attempt(() => readdirSync(`/proc/${pid}/fd`)) ?? [];
  return descriptors.some((fd) => attempt(() => readlinkSync(`/proc/${pid}/fd/${fd}`)) === `socket:[${inode}]`);
}

/**
 * Every living process that carries `NAME=value` in its environment, or works in one of these folders without a
 * terminal, as a database does whose agent is gone (and a person who looks around there does not).
 */
export function findMarked(mark: string, folders: readonly string[]): ProcessRef[] {
  return allPids().flatMap((pid) => {
    if (pid === process.pid) return [];
    const stat = readStat(pid);
    if (stat === undefined) return [];
    const isMarked = carries(pid, mark) || (!stat.hasTerminal && worksIn(pid, folders));
    return isMarked ? [{ pid, startTime: stat.startTime }] : [];
  });
}

function carries(pid: number, mark: string): boolean {
  const environment = attempt(() => readFileSync(`/proc/${pid}/environ`, 'latin1'));
  return environment?.split('\0').includes(mark) === true;
}

function worksIn(pid: number, folders: readonly string[]): boolean {
  const folder = attempt(() => readlinkSync(`/proc/${pid}/cwd`));
  return (
    folder !== undefined && folders.some((candidate) => folder === candidate || folder.startsWith(`${candidate}/`))
  );
}

function allPids(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

interface ProcessStat {
  readonly parent: number;
  readonly startTime: string;
  readonly hasTerminal: boolean;
}

function readStat(pid: number): ProcessStat | undefined {
  const stat = attempt(() => readFileSync(`/proc/${pid}/stat`, 'latin1'));
  if (stat === undefined) return undefined;
  // The command's name is in brackets and may hold spaces; after it: state, parent, …; the 5th is the
  // terminal, the 20th the start time.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state, parent, startTime] = [fields[0], fields[1], fields[19]];
  if (state === 'Z' || state === 'X' || startTime === undefined) return undefined;
  return { parent: Number(parent), startTime, hasTerminal: fields[4] !== '0' };
}

/** What a call gives; undefined when it throws, as /proc does for a process that has just ended or is not ours. */
function attempt<Value>(call: () => Value): Value | undefined {
  try {
    return call();
  } catch {
    return undefined;
  }
}
