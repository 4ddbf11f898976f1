import test from 'ava';
import { assert } from '../assert.ts';
import type { ConfChangeSingle } from './conf-change.ts';
import type { CoreConfig } from './raft.ts';
import { seeded } from './seeded-for-tests.ts';
import { World } from './world-for-tests.ts';

const seeds = 300;
const membershipSeeds = 60;
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

/** Asks for other members: some join, leave, learn or are promoted, all at once. */
function proposeMembership(world: World): void {
  const { voters, learners } = world.confState;
  const changes = world.all.flatMap(({ id }): ConfChangeSingle[] => {
    const fate = world.random();
    if (fate < 0.5) return [];
    if (fate < 0.65 && (voters.includes(id) || learners.includes(id))) return [{ type: 'RemoveNode', nodeId: id }];
    return [{ type: fate < 0.8 ? 'AddLearnerNode' : 'AddNode', nodeId: id }];
  });
  // Some voter always stays, or is made.
  const keeper = pick(world.all, world.random).id;
  changes.push({ type: 'AddNode', nodeId: keeper });
  const transition = world.random() < 0.5 ? 'auto' : 'joint-explicit';
  const isLeaving = world.random() < 0.3;
  for (const { id } of world.leaders()) {
    world.change(id, isLeaving ? { transition: 'auto', changes: [] } : { transition, changes });
  }
}

function transfer(world: World, id: number): void {
  const other = pick(world.all, world.random).id;
  if (world.peer(id).isUp) world.peer(id).node.transferLeadership(other);
}

const membershipActs: readonly (readonly [number, Act])[] = [
  [4, (world) => proposeMembership(world)],
  [2, transfer],
  [1, (world, id) => world.peer(id).isUp && world.peer(id).node.forgetLeader()],
];

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
function habits(random: () => number, chosen: typeof acts): () => Act {
  const weighted = chosen.map(([weight, act]) => [weight * 4 ** (random() * 2 - 1), act] as const);
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

interface Lived {
  readonly commits: number;
  readonly reads: number;
  readonly memberships: number;
}

/** One history. Throws when something happened that no history may have. */
function live(seed: number, isChanging = false, overrides: Partial<CoreConfig> = {}): Lived {
  const random = seeded(seed);
  const voterCount = pick([1, 3, 3, 3, 5], random);
  const isCautious = random() < 0.5;
  const settings = { preVote: isCautious, checkQuorum: isCautious, electionTicks: 5, ...overrides };
  const world = new World(voterCount, random, { ...settings, stepDownOnRemoval: random() < 0.5 });
  for (let id = voterCount + 1; isChanging && id <= 6; id += 1) world.join(id);
  const draw = habits(random, isChanging ? [...acts, ...membershipActs] : acts);
  for (let act = 0; act < actsPerSeed; act += 1) {
    draw()(world, 1 + Math.floor(random() * world.all.length), `${seed}-${act}`);
    if (act % 50 === 0) world.checkLogMatching();
  }
  recover(world);
  const applied = members(world).map(({ applied: index }) => index);
  return { commits: Math.min(...applied), reads: world.confirmedReads.length, memberships: world.membershipCount };
}

function members(world: World): World['all'] {
  const { voters, votersOutgoing, learners } = world.confState;
  return world.all.filter(({ id }) => [...voters, ...votersOutgoing, ...learners].includes(id));
}

/** Safety was the first half; the second is that peers whose network is whole again get on. */
function recover(world: World): void {
  world.cutLinks.clear();
  for (const peer of world.all) if (!peer.isUp) world.restart(peer.id);
  world.ticks(recoveryTicks);
  for (let round = 0; round < 3; round += 1) {
    // Who was removed and does not know it campaigns for ever, if nobody asks for pre-votes.
    for (const peer of world.all) if (!members(world).includes(peer)) world.crash(peer.id);
    world.ticks(recoveryTicks);
  }
  const leader = world.leaders()[0];
  assert(leader !== undefined && world.leaders().length === 1, 'a whole cluster has one leader');
  world.propose(leader.id, 'last');
  world.ticks(5);
  const last = leader.node.status().lastIndex;
  for (const { applied } of members(world))
    assert(applied === last, 'every peer of a whole cluster applies everything');
  world.checkLogMatching();
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

for (const asyncStorageWrites of [false, true]) {
  const storage = asyncStorageWrites ? 'asynchronous storage, ' : '';
  test(`${storage}changing members and leaders: figure 3 holds in ${membershipSeeds} histories`, (t) => {
    let memberships = 0;
    for (let seed = 1; seed <= membershipSeeds; seed += 1) {
      try {
        memberships += live(seed, true, { asyncStorageWrites }).memberships;
      } catch (error) {
        throw new Error(`Seed ${seed} shows what must not be: ${(error as Error).stack}`);
      }
    }
    t.true(memberships > membershipSeeds / 2, `only ${memberships} changes`);
  });
}
