// The lease as a model of every order of things, over the real rules: a primary A with its own vote, two grantors B (a
// replica) and R (an arbiter), of whom one is needed. Each rule, left out, lets A acknowledge after B was promoted.
import type { Position } from '@argosy/datastores';
import test from 'ava';
import { boundEndMs, NOTHING_CONFIRMED, seen } from './confirmations.ts';
import { type Grants, grant, grantsAtStart, handedBack, promiseCounts } from './grants.ts';
import { granted, leaseEndMs } from './lease.ts';
import { LEASE, type LeaseTerms } from './terms.ts';

type Grantor = 'B' | 'R';

/** What is done otherwise than it should be, and what the world may do. */
interface Ways {
  readonly terms: LeaseTerms;
  /** Ticks that A's clock may miss in all. */
  readonly missedTicks: number;
  readonly stops: number;
  readonly restarts: number;
  readonly countsFromReply: boolean;
  readonly forgets: boolean;
  readonly onlyAgentShuts: boolean;
  readonly waitsForGrants: boolean;
  readonly handsBack: 'never' | 'shut' | 'open';
}

const RIGHT: Ways = {
  ...{ terms: { grantedMs: 2, heldMs: 2 }, missedTicks: 0, stops: 0, restarts: 1 },
  ...{ countsFromReply: false, forgets: false, onlyAgentShuts: false, waitsForGrants: true, handsBack: 'shut' },
};

interface World {
  readonly now: number;
  /** A's clock. */
  readonly own: number;
  readonly asked: Readonly<Record<Grantor, number>>;
  readonly answered: Readonly<Record<Grantor, number>>;
  readonly grants: Readonly<Record<Grantor, Grants>>;
  readonly promised: Readonly<Record<Grantor, boolean>>;
  /** What the door was told. */
  readonly deadline: number;
  readonly isStopped: boolean;
  readonly isShutByAgent: boolean;
  /** A has promised epoch 2 itself, and leads no more. */
  readonly isOver: boolean;
  readonly isPromoted: boolean;
  readonly missed: number;
  readonly stops: number;
  readonly restarts: number;
}

const LAST_TICK = 3;
const NONE = -1;
const both = <Value>(value: Value) => ({ B: value, R: value });
const rule = { grantors: ['A', 'B', 'R'], holder: 'A' };

const START: World = {
  ...{ now: 0, own: 0, asked: both(NONE), answered: both(NONE), grants: both({ epoch: 0, untilMs: 0 }) },
  ...{ promised: both(false), deadline: -1, isStopped: false, isShutByAgent: true, isOver: false, isPromoted: false },
  ...{ missed: 0, stops: 0, restarts: 0 },
};

function* following(world: World, ways: Ways): Generator<World> {
  if (world.now < LAST_TICK) {
    yield { ...world, now: world.now + 1, own: world.own + 1 };
    if (world.missed < ways.missedTicks) yield { ...world, now: world.now + 1, missed: world.missed + 1 };
  }
  for (const grantor of ['B', 'R'] as const) yield* ofGrantor(world, ways, grantor);
  const counts = (grantor: Grantor): boolean =>
    world.promised[grantor] && (!ways.waitsForGrants || promiseCounts(world.grants[grantor], world.now));
  if (!world.isPromoted && counts('B') && counts('R')) yield { ...world, isPromoted: true };

  if (world.isStopped) yield { ...world, isStopped: false };
  else if (world.stops < ways.stops) yield { ...world, isStopped: true, stops: world.stops + 1 };
  if (world.isStopped || world.isOver) return;
  if (!world.isShutByAgent && world.own >= world.deadline) yield { ...world, isShutByAgent: true };
  if (ways.handsBack === 'never') return;
  const shut = ways.handsBack === 'shut' ? { deadline: -1, isShutByAgent: true, isOver: true } : {};
  const grants = { B: handedBack(world.grants.B, 1), R: handedBack(world.grants.R, 1) };
  yield { ...world, ...shut, grants };
}

function* ofGrantor(world: World, ways: Ways, grantor: Grantor): Generator<World> {
  const { now, own } = world;
  const asked = world.asked[grantor];
  const answered = world.answered[grantor];
  const acts = !world.isStopped && !world.isOver;
  if (acts && asked === NONE) yield { ...world, asked: { ...world.asked, [grantor]: own } };
  if (asked !== NONE && answered === NONE) {
    const promisedEpoch = world.promised[grantor] ? 2 : 0;
    const after = grant(world.grants[grantor], { epoch: 1, promisedEpoch, nowMs: now }, ways.terms);
    if (after !== undefined) {
      const grants = { ...world.grants, [grantor]: after };
      yield { ...world, answered: { ...world.answered, [grantor]: asked }, grants };
    }
  }
  if (acts && answered !== NONE) {
    const lease = granted(new Map(), grantor, ways.countsFromReply ? own : answered);
    const deadline = Math.max(world.deadline, leaseEndMs(lease, rule, ways.terms));
    const free = { asked: { ...world.asked, [grantor]: NONE }, answered: { ...world.answered, [grantor]: NONE } };
    yield { ...world, ...free, deadline, isShutByAgent: false };
  }
  if (!world.promised[grantor]) yield { ...world, promised: { ...world.promised, [grantor]: true } };
  if (world.restarts < ways.restarts) {
    const after = ways.forgets ? { epoch: 0, untilMs: 0 } : grantsAtStart(now, ways.terms);
    yield { ...world, grants: { ...world.grants, [grantor]: after }, restarts: world.restarts + 1 };
  }
}

/** A client can have an answer: by the door's own look at the clock, or as long as the agent has not shut it. */
function acknowledges(world: World, ways: Ways): boolean {
  if (ways.onlyAgentShuts) return !world.isShutByAgent && (world.isStopped || world.own < world.deadline);
  return world.own < world.deadline;
}

/** All that can come of the start, until something is acknowledged that must not be. */
function explore(ways: Ways): { readonly steps: number | undefined; readonly worlds: number } {
  const known = new Set([keyOf(START)]);
  let edge = [START];
  for (let steps = 0; edge.length > 0; steps += 1) {
    const next: World[] = [];
    for (const world of edge) {
      if (world.isPromoted && acknowledges(world, ways)) return { steps, worlds: known.size };
      for (const after of following(world, ways)) {
        const key = keyOf(after);
        if (known.has(key)) continue;
        known.add(key);
        next.push(after);
      }
    }
    edge = next;
  }
  return { steps: undefined, worlds: known.size };
}

function keyOf({ asked, answered, grants, promised, ...world }: World): string {
  const of = (grantor: Grantor): string =>
    `${asked[grantor]} ${answered[grantor]} ${grants[grantor].epoch} ${grants[grantor].untilMs} ${promised[grantor]}`;
  return `${Object.values(world).join(' ')} ${of('B')} ${of('R')}`;
}

test('no order of things lets a primary acknowledge after another was promoted', (t) => {
  for (const ways of [RIGHT, { ...RIGHT, restarts: 0, stops: 1 }]) {
    const { steps, worlds } = explore(ways);
    t.is(steps, undefined);
    t.true(worlds > 10_000);
    t.log(`${worlds} worlds`);
  }
});

test('a clock that is late by less than what the holder leaves out does no harm', (t) => {
  const ways = { ...RIGHT, terms: { grantedMs: 2, heldMs: 1 }, missedTicks: 1, stops: 0, restarts: 0 };
  t.is(explore(ways).steps, undefined);
});

const MUTANTS: Readonly<Record<string, Partial<Ways>>> = {
  'counted from the reply': { countsFromReply: true },
  'a grantor that starts anew forgets': { forgets: true },
  'only the agent shuts, and is stopped': { onlyAgentShuts: true, stops: 1, restarts: 0 },
  'a clock that is later than is left out': { missedTicks: 1 },
  'nobody waits for the grants to end': { waitsForGrants: false },
  'handed back before the door is shut': { handsBack: 'open' },
};

for (const [name, mutant] of Object.entries(MUTANTS)) {
  test(`the model finds what is wrong: ${name}`, (t) => {
    const { steps, worlds } = explore({ ...RIGHT, ...mutant });
    t.not(steps, undefined);
    t.log(`after ${steps} steps, ${worlds} worlds`);
  });
}

test('the holder counts less than the grantor, by the clocks and by its own reaction', (t) => {
  t.is(LEASE.heldMs, 1_370);
  t.true(LEASE.heldMs * 1.01 < LEASE.grantedMs * 0.99);
});

test('a lease is as old as the newest grant of the last grantor that a majority needs', (t) => {
  const of = (others: Record<string, number>, grantors: string[]): number =>
    leaseEndMs(new Map(Object.entries(others)), { grantors, holder: 'A' }, LEASE) - LEASE.heldMs;
  t.is(of({}, ['A']), Number.POSITIVE_INFINITY);
  t.is(of({}, ['A', 'B']), Number.NEGATIVE_INFINITY);
  t.is(of({ B: 5, C: 9, D: 7, E: 1 }, ['A', 'B', 'C', 'D', 'E']), 7);
  t.is(of({ B: 5, Z: 99 }, ['A', 'B', 'C']), 5);
});

const at = (value: number): Position => ({ epoch: 1, value: String(value) });
const bound = {
  voters: ['B', 'C', 'D', 'E'],
  needed: 2,
  compare: (left: Position, right: Position) => Number(left.value) - Number(right.value),
};
const saw = (own: number, confirmed: Record<string, number>) => ({
  position: at(own),
  confirmed: Object.entries(confirmed).map(([memberId, value]) => ({ memberId, position: at(value) })),
});

test('the bound counts from the oldest position that too few voters have confirmed', (t) => {
  let known = seen(NOTHING_CONFIRMED, 0, saw(1, { B: 1, C: 1 }), bound);
  known = seen(known, 100, saw(10, { B: 10 }), bound);
  t.is(known.confirmedMs, 0, 'one is not enough');
  known = seen(known, 200, saw(20, { B: 20, C: 10 }), bound);
  t.is(known.confirmedMs, 100, 'all before the first look is confirmed');
  known = seen(known, 300, saw(20, { B: 20, Z: 20, D: 20 }), bound);
  t.is(known.confirmedMs, 300, 'a quiet primary is as confirmed as it is now');
  t.is(boundEndMs(known, 5_000, bound.needed), 5_300);
  t.is(boundEndMs(known, 5_000, 0), Number.POSITIVE_INFINITY);
});

test('whoever knows nothing of what was written acknowledges nothing until it is confirmed', (t) => {
  const known = seen(NOTHING_CONFIRMED, 100, saw(10, { B: 10, C: 9 }), bound);
  t.is(boundEndMs(known, 3_600_000, bound.needed), Number.NEGATIVE_INFINITY);
  t.is(seen(known, 200, saw(11, { B: 10, C: 10 }), bound).confirmedMs, 100);
});

test('a long time without a confirmation keeps few of its moments, and none that is too young', (t) => {
  let known = seen(NOTHING_CONFIRMED, 0, saw(0, { B: 0, C: 0 }), bound);
  for (let ms = 1; ms <= 3_000; ms += 1) known = seen(known, ms, saw(ms, {}), bound);
  t.true(known.samples.length <= 512);
  t.true(seen(known, 3_001, saw(3_001, { B: 2_000, C: 2_000 }), bound).confirmedMs <= 2_000);
});
