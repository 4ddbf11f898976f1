// A closed loop: so many callers, each of which asks again when it was answered. What is counted are the answers that
// come between the end of the warm-up and the end of the measurement, and the first one after when none came in time.
import { performance } from 'node:perf_hooks';
import { quantile } from '../result.ts';

export interface LoopTimes {
  readonly inFlight: number;
  readonly warmUpMs: number;
  readonly measureMs: number;
}

export interface LoopResult {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly errors: number;
  readonly firstError?: string;
}

/** Errors of one caller in a row after which it gives up. */
const MAX_ERRORS = 100;

/** Calls `act` with 0, 1, 2… */
export async function closedLoop(
  { inFlight, warmUpMs, measureMs }: LoopTimes,
  act: (count: number) => Promise<unknown>,
): Promise<LoopResult> {
  const begin = performance.now() + warmUpMs;
  const end = begin + measureMs;
  const times: number[] = [];
  let last = end;
  let started = 0;
  let errors = 0;
  let firstError: string | undefined;
  const caller = async () => {
    for (let failed = 0; failed < MAX_ERRORS; ) {
      const askedAt = performance.now();
      if (askedAt >= end) return;
      try {
        started += 1;
        await act(started - 1);
        failed = 0;
      } catch (error) {
        failed += 1;
        errors += 1;
        firstError ??= String(error);
        continue;
      }
      const now = performance.now();
      if (now < begin || (now >= end && times.length > 0)) continue;
      times.push(now - askedAt);
      last = Math.max(end, now);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, caller));
  return {
    perSecond: (1000 * times.length) / (last - begin),
    p50Ms: quantile(times, 0.5),
    p99Ms: quantile(times, 0.99),
    errors,
    ...(firstError === undefined ? {} : { firstError }),
  };
}
