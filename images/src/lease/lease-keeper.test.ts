import type { PrimaryRole, Progress, Upstream } from '@argosy/datastores/drivers';
import type { Clock } from '@argosy/proto';
import test from 'ava';
import { pino } from 'pino';
import { LeaseKeeper } from './lease-keeper.ts';

const RPO_SECONDS = 60;

const grantors = ['m-1', 'm-2', 'm-3'].map(
  (memberId): Upstream => ({ memberId, address: '127.0.0.1', port: 1, serverName: memberId }),
);
const position = (value: string) => ({ epoch: 2, value });
const role: PrimaryRole = {
  kind: 'primary',
  epoch: 2,
  rule: {
    voters: grantors.map(({ memberId }) => memberId),
    acknowledgements: 1,
    generation: 2,
    lease: { grantors, rpoSeconds: RPO_SECONDS },
  },
  peers: grantors.slice(1),
  admin: null,
};

/** Time goes on when it is told to, and whoever waits is called then. */
class StepClock implements Clock {
  nowMs = 1_000_000;
  #waiting: { readonly atMs: number; readonly call: () => void }[] = [];

  now(): Date {
    return new Date(this.nowMs);
  }

  monotonicMs(): number {
    return this.nowMs;
  }

  after(delayMs: number, call: () => void) {
    const entry = { atMs: this.nowMs + delayMs, call };
    this.#waiting.push(entry);
    const cancel = (): void => {
      this.#waiting = this.#waiting.filter((each) => each !== entry);
    };
    return { cancel };
  }

  async pass(ms: number): Promise<void> {
    for (const end = this.nowMs + ms; this.nowMs < end; this.nowMs += 10) {
      const due = this.#waiting.filter(({ atMs }) => atMs <= this.nowMs);
      this.#waiting = this.#waiting.filter((each) => !due.includes(each));
      for (const { call } of due) call();
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}

test('whoever was elected acknowledges nothing before enough voters have confirmed the log that it was elected with', async (t) => {
  const clock = new StepClock();
  let confirmed: Progress['confirmed'] = [];
  let deadlineMs = Number.NEGATIVE_INFINITY;
  const keeper = new LeaseKeeper({
    ...{ clusterId: 'm', memberId: 'm-1', clock, bootMs: () => clock.nowMs, log: pino({ level: 'silent' }) },
    door: {
      open: async () => undefined,
      move: async (ms) => {
        deadlineMs = ms;
      },
      end: async () => undefined,
    },
    links: { ask: async () => undefined, handBack: async () => undefined, close: () => undefined },
    compare: (left, right) => Number(left.value) - Number(right.value),
    progress: async () => ({ position: position('5'), confirmed }),
  });

  await keeper.lead(role);
  keeper.led(role, position('5'));
  confirmed = [{ memberId: 'm-2', position: position('4') }];
  await clock.pass(500);
  t.false(keeper.isHeld, 'a lease alone is not enough');
  t.true(deadlineMs <= clock.nowMs);

  confirmed = [{ memberId: 'm-2', position: position('5') }];
  await clock.pass(500);
  t.true(keeper.isHeld);
  t.true(keeper.hasConfirmed({ epoch: 2, generation: 2 }));
  await keeper.end();
});
