// This member as a grantor: what it granted, and when a promise of it counts. It keeps that in memory, on a clock that
// goes on while the machine sleeps.
import { type Clock, pause } from '@argosy/proto';
import { type Grants, grant, grantsAtStart, handedBack, promiseCounts } from './grants.ts';
import { LEASE } from './terms.ts';

const POLL_MS = 20;

export class Grantor {
  readonly #clock: Clock;
  readonly #bootMs: () => number;
  #grants: Grants;

  constructor(clock: Clock, bootMs: () => number) {
    this.#clock = clock;
    this.#bootMs = bootMs;
    this.#grants = grantsAtStart(bootMs(), LEASE);
  }

  /** False: refused. */
  grant(request: { readonly epoch: number; readonly promisedEpoch: number; readonly leaseMs: number }): boolean {
    if (request.leaseMs > LEASE.grantedMs) return false;
    const after = grant(this.#grants, { ...request, nowMs: this.#bootMs() }, LEASE);
    if (after === undefined) return false;
    this.#grants = after;
    return true;
  }

  handedBack(epoch: number): void {
    this.#grants = handedBack(this.#grants, epoch);
  }

  /** Answers when nobody holds a lease by this member's grant any more. No later epoch may be granted meanwhile. */
  async untilOver(): Promise<void> {
    while (!promiseCounts(this.#grants, this.#bootMs())) await pause(this.#clock, POLL_MS);
  }
}
