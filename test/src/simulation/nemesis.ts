// Makes things go wrong, and asks for changes, at random moments. Everything that it breaks it mends after a while, or
// when it is told to stop.
import type { Random } from 'raft-ts/simulation';
import type { Guest } from './guest.ts';
import type { Habits } from './habits.ts';
import { type Place, regionOf } from './network.ts';
import type { SimulatedPeer } from './peer.ts';
import type { SimulatedRegion } from './region.ts';
import type { TenantWorld } from './tenant.ts';

export interface NemesisWorld extends TenantWorld {
  readonly habits2: Habits;
  readonly peers: readonly SimulatedPeer[];
  readonly regions: readonly SimulatedRegion[];
  guests(): Guest[];
  primaryGuest(): Guest | undefined;
  /** Asks for a change of the cluster, as a tenant does. */
  ask(change: string): void;
}

type Fault = (nemesis: Nemesis) => void;

export class Nemesis {
  readonly world: NemesisWorld;
  readonly random: Random;
  readonly #repairs = new Set<() => void>();
  #isStopped = false;
  faults = 0;

  constructor(world: NemesisWorld) {
    this.world = world;
    this.random = world.random.fork();
  }

  start(): void {
    this.#later();
  }

  /** Mends everything. */
  stop(): void {
    this.#isStopped = true;
    for (const repair of [...this.#repairs]) repair();
    this.#repairs.clear();
  }

  #later(): void {
    const { timeline, habits2 } = this.world;
    timeline.after(habits2.faultEveryMs * this.random.between(0.2, 1.8), () => {
      if (this.#isStopped) return;
      this.strike(this.#draw());
      this.#later();
    });
  }

  strike(fault: Fault): void {
    this.faults += 1;
    fault(this);
  }

  #draw(): Fault {
    const total = FAULTS.reduce((sum, [weight]) => sum + weight, 0);
    let drawn = this.random.next() * total;
    for (const [weight, fault] of FAULTS) {
      drawn -= weight;
      if (drawn < 0) return fault;
    }
    return FAULTS[0][1];
  }

  /** Undone after a while, or when all faults end. */
  forAWhile(repair: () => void, ms = this.world.habits2.outageMs * this.random.between(0.2, 2)): void {
    const mend = (): void => {
      if (this.#repairs.delete(mend)) repair();
    };
    this.#repairs.add(mend);
    this.world.timeline.after(ms, mend);
  }

  /** The primary's as often as not. */
  guest(): Guest | undefined {
    const primary = this.world.primaryGuest();
    if (primary !== undefined && this.random.chance(0.5)) return primary;
    const guests = this.world.guests();
    return guests.length === 0 ? undefined : this.random.pick(guests);
  }

  region(): SimulatedRegion {
    const primary = this.world.primaryGuest();
    const own = this.world.regions.find(({ name }) => name === primary?.region);
    return own !== undefined && this.random.chance(0.5) ? own : this.random.pick(this.world.regions);
  }

  cut(what: string, from: (place: Place) => boolean, to: (place: Place) => boolean): void {
    const isBoth = this.random.chance(0.6);
    this.world.trace(`cut: ${what}, ${isBoth ? 'both ways' : 'one way'}`);
    const { network } = this.world;
    const cuts = [network.cut({ from, to }), ...(isBoth ? [network.cut({ from: to, to: from })] : [])];
    this.forAWhile(() => {
      this.world.trace(`mended: ${what}`);
      for (const mend of cuts) mend();
    });
  }
}

const isIn = (region: string) => (place: Place) => regionOf(place) === region;
const isOutside = (region: string) => (place: Place) => regionOf(place) !== region;
const isGateway = (place: Place): boolean => place.endsWith('/gateway');

function killAgent(nemesis: Nemesis): void {
  nemesis.guest()?.killAgent();
}

function killDatabase(nemesis: Nemesis): void {
  nemesis.guest()?.killDatabase();
}

function losePower(nemesis: Nemesis): void {
  const guest = nemesis.guest();
  if (guest?.isOn !== true) return;
  guest.losePower();
  nemesis.forAWhile(() => guest.boot());
}

function loseRegion(nemesis: Nemesis): void {
  const region = nemesis.region();
  nemesis.world.trace(`region ${region.name} loses its power`);
  const guests = region.heat.guests.filter(({ isOn }) => isOn);
  const peer = nemesis.world.peers.find((candidate) => candidate.region === region.name);
  for (const guest of guests) guest.losePower();
  region.kill();
  peer?.losePower();
  region.heat.isSilent = true;
  nemesis.forAWhile(() => {
    region.heat.isSilent = false;
    for (const guest of guests) guest.boot();
    region.start();
    peer?.start();
  });
}

function killExecutor(nemesis: Nemesis): void {
  const region = nemesis.region();
  region.kill();
  nemesis.forAWhile(() => region.start());
}

function killPeer(nemesis: Nemesis): void {
  const { peers } = nemesis.world;
  const leader = peers.find(({ isLeading }) => isLeading);
  const peer = leader !== undefined && nemesis.random.chance(0.6) ? leader : nemesis.random.pick(peers);
  if (nemesis.random.chance(0.5)) peer.kill();
  else peer.losePower();
  nemesis.forAWhile(() => peer.start());
}

function pausePeer(nemesis: Nemesis): void {
  const process = nemesis.world.peers.find(({ isLeading }) => isLeading)?.process;
  if (process === undefined) return;
  nemesis.world.trace(`${process.name} stands still`);
  process.pause();
  nemesis.forAWhile(() => process.resume());
}

function cutRegion(nemesis: Nemesis): void {
  const { name } = nemesis.region();
  nemesis.cut(`region ${name}`, isIn(name), isOutside(name));
}

function cutGateways(nemesis: Nemesis): void {
  const { name } = nemesis.region();
  const inRegion = (place: Place): boolean => isIn(name)(place) && !isGateway(place);
  nemesis.cut(`region ${name} from the gateways`, isGateway, inRegion);
}

function cutDatabases(nemesis: Nemesis): void {
  const { name } = nemesis.region();
  const isDatabase = (place: Place): boolean => place.endsWith('/db');
  nemesis.cut(
    `databases of ${name}`,
    (place) => isDatabase(place) && isIn(name)(place),
    (place) => isDatabase(place) && isOutside(name)(place),
  );
}

function cutGuest(nemesis: Nemesis): void {
  const guest = nemesis.guest();
  if (guest === undefined) return;
  const isOwn = (place: Place): boolean => place.startsWith(guest.place);
  nemesis.cut(`guest ${guest.memberId}`, isOwn, (place) => !isOwn(place));
}

function cutAgent(nemesis: Nemesis): void {
  const guest = nemesis.guest();
  if (guest === undefined) return;
  nemesis.cut(
    `agent ${guest.memberId}`,
    (place) => place === guest.place,
    (place) => place.endsWith('/executor'),
  );
}

function pauseGuest(nemesis: Nemesis): void {
  const guest = nemesis.guest();
  if (guest === undefined) return;
  const parts = nemesis.random.pick([['agent'], ['database'], ['agent', 'database']]);
  nemesis.world.trace(`${parts.join(' and ')} of ${guest.memberId} stand still`);
  const processes = [
    parts.includes('agent') ? guest.agent : undefined,
    parts.includes('database') ? guest.server?.process : undefined,
  ];
  for (const process of processes) process?.pause();
  nemesis.forAWhile(() => {
    for (const process of processes) process?.resume();
  });
}

function slowDisk(nemesis: Nemesis): void {
  const guest = nemesis.guest();
  if (guest === undefined) return;
  guest.diskSlowness = nemesis.random.pick([10, 100, 1_000]);
  nemesis.world.trace(`disk of ${guest.memberId} is ${guest.diskSlowness} times slower`);
  nemesis.forAWhile(() => {
    guest.diskSlowness = 1;
  });
}

function silenceHeat(nemesis: Nemesis): void {
  const region = nemesis.region();
  nemesis.world.trace(`heat of ${region.name} is silent`);
  region.heat.isSilent = true;
  nemesis.forAWhile(() => {
    region.heat.isSilent = false;
  });
}

const asking =
  (change: string): Fault =>
  (nemesis) =>
    nemesis.world.ask(change);

const FAULTS: readonly [readonly [number, Fault], ...(readonly (readonly [number, Fault])[])] = [
  [6, killDatabase],
  [6, losePower],
  [4, killAgent],
  [4, loseRegion],
  [3, killExecutor],
  [4, killPeer],
  [2, pausePeer],
  [5, cutRegion],
  [3, cutGateways],
  [4, cutDatabases],
  [4, cutGuest],
  [2, cutAgent],
  [4, pauseGuest],
  [3, slowDisk],
  [1, silenceHeat],
  [4, asking('switchover')],
  [2, asking('failover')],
  [3, asking('voters')],
  [2, asking('regions')],
  [1, asking('flavor')],
  [1, asking('password')],
];
