// Who makes things go wrong. Each world has some kinds of faults and not others, in shares of its own; and besides
// what comes at random there are traps, which strike at the moment when a peer does a certain thing.
import type { Random } from './random.ts';
import type { PeerOfWorld, Surroundings } from './surroundings.ts';

interface Trap {
  readonly on: string;
  /** Undefined for whoever does it first. */
  readonly victim: number | undefined;
  readonly spring: (peer: PeerOfWorld) => void;
}

const patienceMs = 3_000;

type Fault = (world: Surroundings, nemesis: Nemesis, random: Random) => void;

const noticed = [
  ...['write', 'sync', 'rename', 'remove', 'sync-names', 'truncate'],
  ...['sent MsgVoteResp', 'sent MsgVote', 'sent MsgApp', 'sent MsgAppResp', 'sent MsgSnap', 'sent MsgReadIndexResp'],
  ...[
    'sent MsgTimeoutNow',
    'got MsgTimeoutNow',
    'got MsgSnap',
    'got piece',
    'sent piece',
    'got MsgApp',
    'got MsgAppResp',
    'got MsgVote',
    'got MsgVoteResp',
    'leads',
  ],
];

function strike(random: Random, peer: PeerOfWorld): void {
  if (random.chance(0.6)) peer.losePower();
  else peer.kill();
}

/** One of the peers; rather often the leader. */
function victim(world: Surroundings, random: Random): PeerOfWorld {
  const leader = world.leader();
  return leader !== undefined && random.chance(0.5) ? leader : random.pick(world.peers);
}

function cutBetween(world: Surroundings, some: readonly PeerOfWorld[], isOneWay: boolean, random: Random): void {
  const isOutward = random.chance(0.5);
  for (const from of world.peers) {
    for (const to of world.peers) {
      if (some.includes(from) === some.includes(to)) continue;
      if (isOneWay && some.includes(from) !== isOutward) continue;
      world.network.cut(from.id, to.id);
    }
  }
}

function partition(world: Surroundings, random: Random): void {
  const { peers, network } = world;
  world.counts.partitions += 1;
  network.healCuts();
  const kind = random.next();
  if (kind < 0.35) cutBetween(world, [victim(world, random)], false, random);
  else if (kind < 0.55) cutBetween(world, [victim(world, random)], true, random);
  else if (kind < 0.8)
    cutBetween(world, random.sample(peers, 1 + random.below(peers.length)), random.chance(0.2), random);
  else {
    for (const from of peers) for (const to of peers) if (random.chance(0.3)) network.cut(from.id, to.id);
  }
  const healsAfterMs = random.pick([300, 1_000, 3_000, 8_000]) * random.between(0.5, 1.5);
  world.timeline.after(healsAfterMs, () => network.healCuts());
}

/** Nothing that this peer says arrives for a while. */
function cutOutward({ network, peers, timeline }: Surroundings, peer: PeerOfWorld, ms: number): void {
  for (const { id } of peers) if (id !== peer.id) network.cut(peer.id, id);
  timeline.after(ms, () => {
    for (const { id } of peers) network.heal(peer.id, id);
  });
}

/** Nothing that is said to this peer arrives for a while. */
function cutInward({ network, peers, timeline }: Surroundings, peer: PeerOfWorld, ms: number): void {
  for (const { id } of peers) if (id !== peer.id) network.cut(id, peer.id);
  timeline.after(ms, () => {
    for (const { id } of peers) network.heal(id, peer.id);
  });
}

/** Somebody writes slowly, and the leader is gone before that is done. */
function interrupt(world: Surroundings, random: Random): void {
  const leader = world.leader();
  const slow = random.pick(world.peers);
  const { writeMs, syncMs } = slow.disk.habits;
  slow.disk.slowness = (world.electionMs * random.between(1, 4)) / (writeMs + syncMs);
  world.timeline.after(world.electionMs * random.between(0.1, 1), () => {
    slow.disk.slowness = 1;
    if (leader !== undefined && leader !== slow) strike(random, leader);
  });
}

function changeMembers(world: Surroundings, random: Random): void {
  const all = world.peers.map(({ id }) => id);
  const ids = random.sample(all, all.length);
  const fewest = random.chance(0.3) ? 1 : Math.ceil(ids.length / 2);
  const voterCount = fewest + random.below(ids.length - fewest + 1);
  const learners = ids.slice(voterCount).filter(() => random.chance(0.5));
  world.askLeader('membershipChanges', ({ raft }) =>
    raft?.changeMembership({ voters: ids.slice(0, voterCount), learners }, { timeoutMs: patienceMs }),
  );
}

/** Who leads alone takes in a learner, and is gone before that one hears that it votes now. */
function promoteLearner(world: Surroundings, nemesis: Nemesis, random: Random): void {
  const { peers, electionMs } = world;
  const leader = world.leader();
  const others = peers.filter((peer) => peer !== leader).map(({ id }) => id);
  if (leader === undefined || others.length === 0) return;
  const change = (voters: number[]) =>
    world.askLeader('membershipChanges', ({ raft }) => {
      const learners = others.filter((id) => !voters.includes(id));
      return raft?.changeMembership({ voters, learners }, { timeoutMs: patienceMs });
    });
  change([leader.id]);
  nemesis.later(electionMs * random.between(1, 3), () => {
    cutOutward(world, leader, electionMs * random.between(1, 3));
    change([leader.id, random.pick(others)]);
    nemesis.later(electionMs * random.between(0.05, 0.5), () => strike(random, leader));
  });
}

const faults: Readonly<Record<string, Fault>> = {
  partition: (world, _nemesis, random) => partition(world, random),
  clog(world, _nemesis, random) {
    world.counts.clogs += 1;
    const ms = random.pick([200, 1_000, 5_000]);
    const share = random.next();
    for (const from of world.peers) {
      for (const to of world.peers) if (random.chance(share)) world.network.clog(from.id, to.id, ms * random.next());
    }
  },
  pause(world, _nemesis, random) {
    world.counts.pauses += 1;
    const count = random.chance(0.8) ? 1 : 1 + random.below(world.peers.length);
    for (const peer of [victim(world, random), ...random.sample(world.peers, count - 1)]) {
      peer.pause(random.pick([50, 500, 2_000, 6_000]) * random.next());
    }
  },
  /** The leader stands still, and when it goes on it hears of nothing that happened meanwhile. */
  sleep(world, _nemesis, random) {
    const leader = world.leader();
    if (leader === undefined) return;
    world.counts.pauses += 1;
    const ms = world.electionMs * random.between(1, 4);
    leader.pause(ms);
    world.lure(leader, ms * 2);
    cutInward(world, leader, ms + world.electionMs * random.between(0.2, 1));
  },
  kill: (world, _nemesis, random) => victim(world, random).kill(),
  power(world, nemesis, random) {
    // What the first crash left torn is met by what was written since.
    const twice = (peer: PeerOfWorld) => {
      peer.losePower();
      if (random.chance(0.6)) nemesis.later(world.habits.meanDownMs * random.between(0.5, 3), () => peer.losePower());
    };
    if (random.chance(0.4)) twice(victim(world, random));
    // When something is being written there is something to lose.
    else
      nemesis.layOwn(random.pick(['write', 'sync', 'sync', 'rename', 'sync-names']), (peer) => {
        world.timeline.after(random.pick([0.001, 0.1, 2]) * random.next(), () => twice(peer));
      });
  },
  outage(world, _nemesis, random) {
    const share = random.pick([0.5, 0.8, 1]);
    for (const peer of world.peers) if (random.chance(share)) peer.losePower();
  },
  close: (world, _nemesis, random) => victim(world, random).close(),
  trap: (_world, nemesis, random) => nemesis.lay(random.pick(noticed)),
  fsync(world, _nemesis, random) {
    victim(world, random).disk.failingSyncs = random.pick([1, 1, 2]);
  },
  full(world, _nemesis, random) {
    const peer = victim(world, random);
    peer.disk.isFull = true;
    world.timeline.after(random.between(100, 5_000), () => {
      peer.disk.isFull = false;
    });
  },
  slow(world, _nemesis, random) {
    world.counts.slowDisks += 1;
    const peer = victim(world, random);
    peer.disk.slowness = random.pick([10, 100, 500]);
    world.timeline.after(random.between(200, 6_000), () => {
      peer.disk.slowness = 1;
    });
  },
  /** Who writes its snapshot slowly falls behind, and is sent another meanwhile. */
  lag(world, nemesis, random) {
    const ms = random.between(300, 3_000);
    nemesis.layOwn('saves its state', (peer) => {
      const { writeMs, syncMs } = peer.disk.habits;
      world.counts.slowDisks += 1;
      // Either the whole disk is slow, or the snapshot alone waits for it, and is still to come when it is overtaken.
      if (random.chance(0.5)) peer.disk.slowness = (ms * random.between(0.5, 2)) / (writeMs + syncMs);
      else peer.disk.stall = { suffix: '.snapshot.temporary', ms: ms * random.between(1, 4) };
      cutInward(world, peer, ms);
      cutOutward(world, peer, ms);
      world.timeline.after(ms, () => {
        peer.disk.slowness = 1;
      });
    });
  },
  /** Answers come so late that the leader is none any more, and does not know it. */
  echo(world, nemesis, random) {
    const leader = world.leader();
    if (leader === undefined) return;
    const { network, peers, timeline, electionMs } = world;
    world.counts.clogs += 1;
    world.lure(leader, electionMs * 3);
    for (const { id } of peers) network.hold(id, leader.id);
    const release = () => {
      for (const { id } of peers) network.release(id, leader.id);
    };
    timeline.after(electionMs * random.between(0.1, 0.6), () => {
      cutOutward(world, leader, electionMs * random.between(1.5, 3));
      // It steps down later, for it counts no time while it stands still.
      if (random.chance(0.8)) leader.pause(electionMs * random.between(0.5, 1.5));
    });
    nemesis.layOwn('leads', () => timeline.after(electionMs * random.between(0.2, 1), release));
    timeline.after(electionMs * 3, release);
  },
  /** An election is interrupted, and its votes are counted late or never; the old leader may wake up meanwhile. */
  election(world, nemesis, random) {
    const leader = world.leader();
    if (leader !== undefined) {
      if (random.chance(0.5)) leader.pause(world.electionMs * random.between(1, 3));
      else cutOutward(world, leader, world.electionMs * random.between(1, 3));
    }
    const isClogged = random.chance(0.6);
    const ms = world.electionMs * random.between(0.5, 4);
    nemesis.layOwn(random.pick(['sent MsgVote', 'sent MsgVote', 'sent MsgVoteResp', 'got MsgVote']), (peer) => {
      if (!isClogged) cutOutward(world, peer, ms);
      else for (const { id } of world.peers) world.network.clog(peer.id, id, ms * random.next());
    });
  },
  members(world, nemesis, random) {
    if (random.chance(0.5)) nemesis.lay(random.pick(noticed));
    const kind = random.next();
    if (kind < 0.35) interrupt(world, random);
    else if (kind < 0.6) {
      // The leader goes in the midst of it, and the next one is asked for another change at once.
      const delayMs = world.electionMs * random.pick([0, 0.01, 0.1]) * random.next();
      nemesis.layOwn('sent MsgApp', (peer) => {
        world.timeline.after(delayMs, () => strike(random, peer));
      });
      nemesis.layOwn('leads', () => changeMembers(world, random));
    } else if (kind < 0.75) return promoteLearner(world, nemesis, random);
    changeMembers(world, random);
  },
  transfer(world, nemesis, random) {
    // The old leader does not hear that it is none any more.
    if (random.chance(0.5))
      nemesis.layOwn('sent MsgTimeoutNow', (peer) => cutInward(world, peer, world.electionMs * random.between(0.5, 2)));
    const to = random.chance(0.5) ? undefined : random.pick(world.peers).id;
    world.askLeader('transfers', ({ raft }) => raft?.transferLeadership(to, { timeoutMs: patienceMs }));
  },
  rot(world, nemesis, random) {
    const peer = random.pick(world.peers);
    // As long as the disks of a majority are sound, nothing may be lost.
    if (!peer.isRotten && nemesis.rottenCount * 2 + 2 >= world.peers.length) return;
    const place = peer.disk.rot();
    if (place === undefined) return;
    peer.isRotten = true;
    world.counts.rottenBits += 1;
    world.trace(`${peer.id} has a rotten bit at ${place}`);
  },
};

/** Faults of many parts, which must come more often to come whole. */
const rich = ['members', 'election', 'echo', 'lag', 'transfer'];

export class Nemesis {
  readonly #world: Surroundings;
  readonly #random: Random;
  readonly #shares: readonly (readonly [string, number])[];
  #traps: Trap[] = [];
  #isActive = true;
  #isLossDemanded = false;
  faultCount = 0;

  constructor(world: Surroundings) {
    this.#world = world;
    this.#random = world.random.fork();
    const changesMembers = this.#random.chance(0.4);
    // Where the members change, a minority of all disks may be a majority of theirs, so none of them may rot.
    const possible = Object.keys(faults).filter((name) => name !== (changesMembers ? 'rot' : 'members'));
    const names = possible.filter((name) => name === 'members' || this.#random.chance(0.5));
    const weight = (name: string) => (rich.includes(name) ? 2 : 1) * 4 ** this.#random.next();
    this.#shares = (names.length < 3 ? possible : names).map((name) => [name, weight(name)]);
  }

  get rottenCount(): number {
    return this.#world.peers.filter(({ isRotten }) => isRotten).length;
  }

  start(): void {
    this.#world.timeline.after(this.#world.habits.faultEveryMs * this.#random.between(0.2, 1.8), () => {
      if (!this.#isActive) return;
      this.#fault();
      this.start();
    });
  }

  /** One more thing goes wrong, so that the faults do not always end in a cluster that is almost well. */
  lastBlow(): void {
    this.#traps = [];
    if (this.#random.chance(0.4)) this.#strike('election');
    else this.#fault();
  }

  #fault(): void {
    const total = this.#shares.reduce((sum, [, share]) => sum + share, 0);
    let at = this.#random.between(0, total);
    for (const [name, share] of this.#shares) {
      at -= share;
      if (at > 0) continue;
      this.#strike(name);
      return;
    }
  }

  #strike(name: string): void {
    this.faultCount += 1;
    this.#world.trace(`fault: ${name}`);
    faults[name]?.(this.#world, this, this.#random);
  }

  /** Strikes the next peer that does this, a little later. */
  lay(on: string): void {
    const random = this.#random;
    const leader = this.#world.leader();
    const wanted = random.chance(0.5) ? undefined : random.chance(0.5) ? leader?.id : random.pick(this.#world.peers).id;
    const delayMs = random.pick([0, 0.05, 1, 10]) * random.next();
    const spring = (peer: PeerOfWorld) => {
      this.#world.timeline.after(delayMs, () => strike(random, peer));
    };
    this.#traps.push({ on, victim: wanted, spring });
  }

  /** Does this after so long, if faults have not ended by then. */
  later(delayMs: number, act: () => void): void {
    this.#world.timeline.after(delayMs, () => {
      if (this.#isActive) act();
    });
  }

  /** Does this to the next peer that does that. */
  layOwn(on: string, spring: (peer: PeerOfWorld) => void): void {
    this.#traps.push({ on, victim: undefined, spring });
  }

  /** Lays a trap that makes a peer lose power while it waits for a sync. */
  demandUnsyncedLoss(): void {
    if (this.#isLossDemanded) return;
    this.#isLossDemanded = true;
    this.faultCount += 1;
    this.layOwn('sync', (peer) => {
      this.#isLossDemanded = false;
      // Who starts writes again what is there, and would lose nothing.
      if (peer.state === 'up') this.#world.timeline.after(0.001, () => peer.losePower('nothing'));
      else this.demandUnsyncedLoss();
    });
  }

  notice(what: string, peer: PeerOfWorld): void {
    if (this.#traps.length === 0) return;
    const sprung = this.#traps.filter(({ on, victim }) => on === what && (victim ?? peer.id) === peer.id);
    if (sprung.length === 0) return;
    this.#traps = this.#traps.filter((trap) => !sprung.includes(trap));
    for (const trap of sprung) trap.spring(peer);
  }

  stop(): void {
    this.#isActive = false;
    this.#traps = [];
  }
}
