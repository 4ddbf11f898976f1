// One federation a home: a file names the process that runs it. The file of a process that is gone is taken over.
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { StartError } from './errors.ts';
import { findProcess, isAlive, type ProcessRef } from './process-table.ts';

const TAKE_OVER_TRIES = 5;

/**
 * Takes the home for this process. Returns what gives it back.
 * @throws StartError with the pid of the process that has it.
 */
export function lockHome(path: string, own: ProcessRef | undefined = findProcess(process.pid)): () => void {
  if (own === undefined) throw new StartError('/proc does not show this process; Linux with /proc is needed.');
  const content = JSON.stringify(own);
  for (let attempt = 0; attempt < TAKE_OVER_TRIES; attempt += 1) {
    if (createWhole(path, content)) {
      return () => {
        if (read(path) === content) rmSync(path, { force: true });
      };
    }
    const found = read(path);
    const holder = found === undefined ? undefined : parse(found);
    if (holder !== undefined && isAlive(holder)) {
      throw new StartError(
        `A federation runs from this home already: pid ${holder.pid}. Stop it first (Ctrl-C there).`,
      );
    }
    takeAway(path, found);
  }
  throw new StartError(`The lock ${path} cannot be taken.`);
}

/** The living process that has the home, if there is one. */
export function lockHolder(path: string): ProcessRef | undefined {
  const found = read(path);
  const holder = found === undefined ? undefined : parse(found);
  return holder !== undefined && isAlive(holder) ? holder : undefined;
}

/** A link appears with its content or not at all, so nobody reads half a lock. */
function createWhole(path: string, content: string): boolean {
  const temporary = `${path}.${process.pid}`;
  writeFileSync(temporary, content, { mode: 0o644 });
  try {
    linkSync(temporary, path);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(temporary, { force: true });
  }
}

function takeAway(path: string, stale: string | undefined): void {
  const aside = `${path}.stale.${process.pid}`;
  try {
    renameSync(path, aside);
  } catch {
    // Another process was quicker; the next try shows who has it.
    return;
  }
  // Between reading and renaming, another may have taken it over: then it is theirs again.
  if (read(aside) !== stale) {
    try {
      linkSync(aside, path);
    } catch {
      // A third has it by now.
    }
  }
  rmSync(aside, { force: true });
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

function parse(text: string): ProcessRef | undefined {
  try {
    const { pid, startTime } = JSON.parse(text) as Partial<ProcessRef>;
    return typeof pid === 'number' && typeof startTime === 'string' ? { pid, startTime } : undefined;
  } catch {
    return undefined;
  }
}
