// CLOCK_BOOTTIME: it goes on while the machine sleeps, and starts at zero with the machine.
import { uptime } from 'node:os';

const MS_PER_SECOND = 1_000;

/** Coarse by 10 ms, and behind by no more than that. */
export function bootMs(): number {
  return uptime() * MS_PER_SECOND;
}
