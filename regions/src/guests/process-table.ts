// The machine's processes as /proc shows them. A pid alone proves nothing, for the kernel uses it again: a process is
// the same one when its start time is. It belongs to a server when it is the server's first process or descends from
// it, carries the server's own run directory in its environment, or works in the server's volume without a terminal (a
// database does, also after its parent is gone). What is found here is ended by force, so a mark that could fit a
// stranger is a mistake that stops us.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { isAbsolute } from 'node:path';
import { type Clock, pause } from '@argosy/proto';

const POLL_MS = 50;
/** How long a server may take to end by itself. */
const TERMINATE_MS = 5_000;
const KILL_MS = 5_000;

export interface ProcessRef {
  readonly pid: number;
  /** In clock ticks since the machine's boot. */
  readonly startTime: string;
}

interface ProcessEntry extends ProcessRef {
  readonly parent: number;
  /** It has a terminal: somebody's shell, whatever folder it stands in. */
  readonly hasTerminal: boolean;
}

/** By what a server's processes are recognised. */
export interface ProcessMarks {
  /** Undefined when nothing was started as far as is known. */
  readonly main: ProcessRef | undefined;
  /** The variable that names the run directory, and the directory: they stand in what the first process was given. */
  readonly variable: string;
  readonly runDirectory: string;
  /** The volume's folder, absolute and without symbolic links. */
  readonly volume: string | undefined;
}

/** A folder of one server is at least this deep; what is not could be anybody's. */
const MIN_FOLDER_DEPTH = 2;

/** The process of this pid; undefined when there is none or it is a zombie. */
export function findProcess(pid: number): ProcessRef | undefined {
  return readEntry(pid);
}

export function isAlive(ref: ProcessRef): boolean {
  return readEntry(ref.pid)?.startTime === ref.startTime;
}

/** Every living process that bears a mark, and all their descendants; never ourselves nor who started us. */
export function findMarked(marks: ProcessMarks): ProcessRef[] {
  assert(/^[A-Z][A-Z_]+$/.test(marks.variable), 'a mark names its variable');
  for (const folder of [marks.runDirectory, ...(marks.volume === undefined ? [] : [marks.volume])]) {
    assert(
      isAbsolute(folder) && folder.split('/').filter(Boolean).length >= MIN_FOLDER_DEPTH,
      "a mark is one server's",
    );
  }
  const spared = lineage();
  const all = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && !spared.has(Number(name)))
    .flatMap((name) => readEntry(Number(name)) ?? [])
    .filter((entry) => marks.main === undefined || Number(entry.startTime) >= Number(marks.main.startTime));
  const found = new Map<number, ProcessRef>();
  for (const entry of all) if (bearsMark(entry, marks)) found.set(entry.pid, entry);

  for (let grown = true; grown; ) {
    grown = false;
    for (const entry of all) {
      if (found.has(entry.pid) || !found.has(entry.parent)) continue;
      found.set(entry.pid, entry);
      grown = true;
    }
  }
  return [...found.values()];
}

/** Init, ourselves, and every process above us. */
function lineage(): Set<number> {
  const spared = new Set([0, 1]);
  for (let pid = process.pid; !spared.has(pid); pid = readEntry(pid)?.parent ?? 0) spared.add(pid);
  return spared;
}

/** Ends everything that bears a mark: politely, then by force. Answers false when something is still there. */
export async function endMarked(marks: ProcessMarks, clock: Clock): Promise<boolean> {
  // The first process is told and ends its database in order; what it leaves behind is told after it.
  const told = new Set<number>();
  const tell = (left: readonly ProcessRef[]): void => {
    const isMainThere = marks.main !== undefined && isAlive(marks.main);
    const next = isMainThere ? left.filter(({ pid }) => pid === marks.main?.pid) : left;
    for (const { pid } of next) {
      if (!told.has(pid)) signal(pid, 'SIGTERM');
      told.add(pid);
    }
  };
  if (await areGone(marks, clock, TERMINATE_MS, tell)) return true;
  return areGone(marks, clock, KILL_MS, (left) => {
    for (const { pid } of left) signal(pid, 'SIGKILL');
  });
}

async function areGone(
  marks: ProcessMarks,
  clock: Clock,
  limitMs: number,
  act: (left: readonly ProcessRef[]) => void,
): Promise<boolean> {
  const end = clock.monotonicMs() + limitMs;
  for (;;) {
    const left = findMarked(marks);
    if (left.length === 0) return true;
    if (clock.monotonicMs() >= end) return false;
    act(left);
    await pause(clock, POLL_MS);
  }
}

function bearsMark(entry: ProcessEntry, marks: ProcessMarks): boolean {
  if (marks.main?.pid === entry.pid && marks.main.startTime === entry.startTime) return true;
  const environment = attempt(() => readFileSync(`/proc/${entry.pid}/environ`, 'latin1'));
  if (environment?.split('\0').includes(`${marks.variable}=${marks.runDirectory}`) === true) return true;
  if (marks.volume === undefined || entry.hasTerminal) return false;
  const cwd = attempt(() => readlinkSync(`/proc/${entry.pid}/cwd`));
  return cwd === marks.volume || cwd?.startsWith(`${marks.volume}/`) === true;
}

function readEntry(pid: number): ProcessEntry | undefined {
  const stat = attempt(() => readFileSync(`/proc/${pid}/stat`, 'latin1'));
  if (stat === undefined) return undefined;
  // The command's name is in brackets and may hold spaces; after it: state, parent, group, session, terminal, …, the 20th is
  // the start time.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state, parent, startTime] = [fields[0], fields[1], fields[19]];
  if (state === 'Z' || state === 'X' || startTime === undefined) return undefined;
  return { pid, parent: Number(parent), startTime, hasTerminal: fields[4] !== '0' };
}

function signal(pid: number, name: NodeJS.Signals): void {
  // 0 and negative ones are groups, -1 is everything.
  assert(pid > 1);
  attempt(() => process.kill(pid, name));
}

/** What a call gives; undefined when it throws, as /proc does for a process that has just ended or is not ours. */
function attempt<Value>(call: () => Value): Value | undefined {
  try {
    return call();
  } catch {
    return undefined;
  }
}
