import test from 'ava';
import { assert } from '../assert.ts';
import { seeded, World } from './world-for-tests.ts';

const seeds = 400;
const actsPerSeed = 4000;
const recoveryTicks = 200;

type Act = (world: World, id: number, name: string) => void;

function pick<T>(values: readonly T[], random: () => number): T {
  const value = values[Math.floor(random() * values.length)];
  assert(value !== undefined, 'there is something to pick from');
  return value;
}

/** Heals the network, or cuts off one peer, or single links in one direction. */
function repartition(world: World, id: number): void {
  world.cutLinks.clear();
  const kind = world.random();
  for (const { id: from } of world.all) {
    for (const { id: to } of world.all) {
      const isCut = kind < 0.4 ? from === id || to === id : kind < 0.6 && world.random() < 0.4;
      if (isCut) world.cutLinks.add(`${from}>${to}`);
    }
  }
}

/** Out of order, sometimes twice, sometimes never. */
function deliverAny(world: World): void {
  if (world.network.length === 0) return;
  const at = world.random() < 0.6 ? 0 : Math.floor(world.random() * world.network.length);
  const message = world.network[at];
  assert(message !== undefined, 'a message is under way');
  const fate = world.random();
  if (fate > 0.1) world.network.splice(at, 1);
  if (fate < 0.9) world.deliver(message);
}

/** Loses what the disk was asked for, or only the answers that depend on it. */
function crash(world: World, id: number): void {
  const peer = world.peer(id);
  if (peer.isUp && peer.outstanding !== undefined && world.random() < 0.5) world.persist(peer, peer.outstanding);
  world.crash(id);
}

function restart(world: World, id: number): void {
  if (!world.peer(id).isUp) world.restart(id);
}

function proposeAtLeaders(world: World, _id: number, name: string): void {
  for (const leader of world.leaders()) world.propose(leader.id, name);
}

const acts: readonly (readonly [number, Act])[] = [
  [40, (world, id) => world.peer(id).isUp && world.peer(id).node.tick()],
  [90, deliverAny],
  [50, (world, id) => world.beginTurn(id)],
  [20, (world, id) => world.sendMeanwhile(id)],
  [50, (world, id) => world.endTurn(id)],
  [12, proposeAtLeaders],
  [10, (world, id, name) => world.peer(id).isUp && world.read(id, name)],
  [0.7, crash],
  [5, restart],
  [0.7, repartition],
  [2, (world, id) => world.compact(id, Math.floor(world.random() * 4))],
  [2, (world, id) => world.peer(id).isUp && world.peer(id).node.campaign()],
];

/** Each seed has its own habits, for what is rare on average is where the faults are. */
function habits(random: () => number): () => Act {
  const weighted = acts.map(([weight, act]) => [weight * 4 ** (random() * 2 - 1), act] as const);
  const total = weighted.reduce((sum, [weight]) => sum + weight, 0);
  return () => {
    let at = random() * total;
    for (const [weight, act] of weighted) {
      at -= weight;
      if (at < 0) return act;
    }
    return deliverAny;
  };
}

/** One history. Throws when something happened that no history may have. */
function live(seed: number): { commits: number; reads: number } {
  const random = seeded(seed);
  const voterCount = pick([1, 3, 3, 3, 5], random);
  const isCautious = random() < 0.5;
  const world = new World(voterCount, random, { preVote: isCautious, checkQuorum: isCautious, electionTicks: 5 });
  const draw = habits(random);
  for (let act = 0; act < actsPerSeed; act += 1) {
    draw()(world, 1 + Math.floor(random() * voterCount), `${seed}-${act}`);
    if (act % 50 === 0) world.checkLogMatching();
  }

  // Safety was the first half; the second is that peers whose network is whole again get on.
  world.cutLinks.clear();
  for (const peer of world.all) if (!peer.isUp) world.restart(peer.id);
  world.ticks(recoveryTicks);
  const leader = world.leaders()[0];
  assert(leader !== undefined && world.leaders().length === 1, 'a whole cluster has one leader');
  world.propose(leader.id, 'last');
  world.ticks(5);
  const commits = world.all.map(({ applied }) => applied);
  assert(Math.min(...commits) === leader.node.status().lastIndex, 'every peer of a whole cluster applies everything');
  world.checkLogMatching();
  return { commits: Math.min(...commits), reads: world.confirmedReads.length };
}

test(`figure 3 holds in ${seeds} histories of loss, repetition, reordering and crashes`, (t) => {
  let commits = 0;
  let reads = 0;
  for (let seed = 1; seed <= seeds; seed += 1) {
    try {
      const lived = live(seed);
      commits += lived.commits;
      reads += lived.reads;
    } catch (error) {
      throw new Error(`Seed ${seed} shows what must not be: ${(error as Error).stack}`);
    }
  }
  // A world in which nothing happens is safe and proves nothing.
  t.true(commits > seeds * 10, `only ${commits} commits`);
  t.true(reads > seeds, `only ${reads} reads`);
});

test('the same seed lives the same history', (t) => {
  t.deepEqual(live(7), live(7));
});
