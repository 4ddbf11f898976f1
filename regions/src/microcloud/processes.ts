// The machine's processes as /proc shows them. A pid alone proves nothing, for the kernel uses it again: a process is
// the same one when its start time is, and it belongs to a server when it descends from the server's first process,
// carries the server's run directory in its environment, or works in one of the server's folders (a database does,
// also after its parent is gone).
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { type Clock, pause } from '@argosy/proto';

const POLL_MS = 20;
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
}

/** By what a server's processes are recognised. */
export interface ProcessMarks {
  readonly main: ProcessRef | undefined;
  /** Stands in the environment of the first process and of what inherits it, as `NAME=value`. */
  readonly environment: string;
  /** Absolute, without symbolic links. */
  readonly folders: readonly string[];
}

/** The process of this pid; undefined when there is none or it is a zombie. */
export function findProcess(pid: number): ProcessRef | undefined {
  return readEntry(pid);
}

export function isAlive(ref: ProcessRef): boolean {
  return readEntry(ref.pid)?.startTime === ref.startTime;
}

/** Every living process that bears a mark, and all their descendants. */
export function findMarked(marks: ProcessMarks): ProcessRef[] {
  const all = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap((name) => readEntry(Number(name)) ?? []);
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

/** Ends everything that bears a mark: politely, then by force. Answers false when something is still there. */
export async function endMarked(marks: ProcessMarks, clock: Clock): Promise<boolean> {
  const mains = findMarked(marks);
  if (mains.length === 0) return true;
  // The first process leads a group of its own. It ends its database in order; where it is gone, each is told.
  if (marks.main !== undefined && isAlive(marks.main)) signal(-marks.main.pid, 'SIGTERM');
  else for (const { pid } of mains) signal(pid, 'SIGTERM');
  if (await areGone(marks, clock, TERMINATE_MS, () => {})) return true;
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
  const cwd = attempt(() => readlinkSync(`/proc/${entry.pid}/cwd`));
  if (cwd !== undefined && marks.folders.some((folder) => cwd === folder || cwd.startsWith(`${folder}/`))) return true;
  const environment = attempt(() => readFileSync(`/proc/${entry.pid}/environ`, 'latin1'));
  return environment?.split('\0').includes(marks.environment) === true;
}

function readEntry(pid: number): ProcessEntry | undefined {
  const stat = attempt(() => readFileSync(`/proc/${pid}/stat`, 'latin1'));
  if (stat === undefined) return undefined;
  // The command's name is in brackets and may hold spaces; after it: state, parent, …, the 20th is the start time.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state, parent, startTime] = [fields[0], fields[1], fields[19]];
  if (state === 'Z' || state === 'X' || startTime === undefined) return undefined;
  return { pid, parent: Number(parent), startTime };
}

function signal(pid: number, name: NodeJS.Signals): void {
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
