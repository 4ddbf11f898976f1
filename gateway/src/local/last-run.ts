// A run that was killed leaves processes behind for a moment: their lifeline is cut, and they are stopping their
// databases in order. The next run waits for them, since they still hold the ports and the data.
import { type Clock, pause } from '@argosy/proto';
import type { ProcessRef } from './process-table.ts';

const POLL_MS = 100;

export interface WaitForEnd {
  readonly clock: Clock;
  /** Those that are left. */
  readonly find: () => readonly ProcessRef[];
  readonly limitMs: number;
}

/** Waits until no process is left, and ends those by force that take longer than they may. Returns their pids. */
export async function waitForEnd({ clock, find, limitMs }: WaitForEnd): Promise<number[]> {
  const end = clock.monotonicMs() + limitMs;
  let left = find();
  while (left.length > 0 && clock.monotonicMs() < end) {
    await pause(clock, POLL_MS);
    left = find();
  }
  killAll(left);
  return left.map(({ pid }) => pid);
}

export function killAll(processes: readonly ProcessRef[]): void {
  for (const { pid } of processes) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It has ended by itself.
    }
  }
}
