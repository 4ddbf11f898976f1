// The planner against a model of members that hold logs: they are written to, die, return, promise late or never, copy
// each other and are wished away, at random. Whoever is elected must hold every write that was ever acknowledged.
import test from 'ava';
import { sequence } from '../conductor/world-for-tests.ts';
import { applyFact } from '../state/apply-fact.ts';
import { type Cluster, memberOf } from '../state/clusters.ts';
import type { Fact } from '../state/entries.ts';
import { withWish } from '../state/wishes.ts';
import { after, failedOver, made, wanted } from './cluster-for-tests.ts';
import { expectedFact } from './expected.ts';
import { readySteps } from './ready.ts';
import type { Step } from './steps.ts';

const RUNS = 800;
const MOVES = 140;

interface Entry {
  readonly epoch: number;
  /** 0: the first record of an epoch. */
  readonly write: number;
}

/** One member: what a real one has on its volume, and what its database is doing. */
interface ModelMember {
  log: Entry[];
  promised: number;
  role: 'primary' | 'replica' | 'none';
  epoch: number;
  generation: number;
  upstream: number;
  /** Its copy has not caught up yet: it answers no promise. */
  isMarked: boolean;
  rule: { voters: readonly number[]; acknowledgements: number };
}

class Model {
  cluster: Cluster;
  readonly members = new Map<number, ModelMember>();
  readonly acknowledged: number[] = [];
  readonly #random: () => number;
  #writes = 0;
  /** Facts of commands that were done and whose answers are on their way, perhaps for ever. */
  #late: Fact[] = [];
  elections = 0;
  degraded = 0;

  constructor(seed: number, voters: number, onLoss: 'refuse' | 'degrade') {
    this.#random = sequence(seed);
    const start = made(voters);
    this.cluster = { ...start, spec: { ...start.spec, durability: { mode: 'quorum', on_loss: onLoss } } };
    for (const { ordinal } of this.cluster.members) this.members.set(ordinal, this.#member(ordinal));
  }

  /** One thing happens. @returns a violation, in a sentence */
  move(): string | undefined {
    const dice = this.#random();
    if (dice < 0.3) this.#write();
    else if (dice < 0.5) this.#copy();
    else if (dice < 0.86) return this.#step();
    else if (dice < 0.92) this.#failOver();
    else if (dice < 0.935) this.#degrade();
    else if (dice < 0.96)
      this.cluster = after(this.cluster, { kind: 'members.seen', clusterId: 'c', away: this.#some() });
    else if (dice < 0.98) this.#wish();
    else
      return this.#late
        .splice(0)
        .map((fact) => this.#learn(fact))
        .find((violation) => violation !== undefined);
    return undefined;
  }

  #member(ordinal: number): ModelMember {
    const isPrimary = ordinal === this.cluster.primary;
    const { epoch, rule } = this.cluster;
    return {
      ...{ log: [{ epoch: 1, write: 0 }], promised: epoch, role: isPrimary ? 'primary' : 'replica', epoch },
      ...{ generation: rule?.generation ?? 0, upstream: this.cluster.primary ?? 0, isMarked: false },
      rule: { voters: rule?.voters ?? [], acknowledgements: rule?.acknowledgements ?? 0 },
    };
  }

  #pick<Item>(items: readonly Item[]): Item | undefined {
    return items[Math.floor(this.#random() * items.length)];
  }

  #some(): number[] {
    return this.cluster.members.map(({ ordinal }) => ordinal).filter(() => this.#random() < 0.3);
  }

  /** Also a primary that was deposed and does not know it takes writes; acknowledged is what its rule says. */
  #write(): void {
    const found = this.#pick([...this.members].filter(([, { role }]) => role === 'primary'));
    if (found === undefined) return;
    const [ordinal, primary] = found;
    this.#writes += 1;
    primary.log.push({ epoch: primary.epoch, write: this.#writes });
    for (let times = 0; times < 2; times += 1) this.#copyTo(this.#pick([...this.members.keys()]) ?? 0, ordinal);
    const have = primary.rule.voters.filter((voter) => voter !== ordinal && this.#counts(voter, ordinal)).length;
    if (have < primary.rule.acknowledgements) return;
    for (const { write } of primary.log) if (write > 0) this.acknowledged.push(write);
  }

  #copy(): void {
    const replica = this.#pick([...this.members.keys()]);
    const upstream = replica === undefined ? undefined : this.members.get(replica)?.upstream;
    if (replica !== undefined && upstream !== undefined) this.#copyTo(replica, upstream);
  }

  #copyTo(to: number, from: number): void {
    const [replica, primary] = [this.members.get(to), this.members.get(from)];
    if (replica === undefined || primary?.role !== 'primary' || !this.#streams(to, from)) return;
    replica.log = [...primary.log];
    replica.isMarked = false;
  }

  #streams(to: number, from: number): boolean {
    const [replica, primary] = [this.members.get(to), this.members.get(from)];
    return replica?.role === 'replica' && replica.upstream === from && replica.epoch === primary?.epoch;
  }

  #counts(voter: number, primary: number): boolean {
    const [replica, leader] = [this.members.get(voter), this.members.get(primary)];
    if (replica === undefined || leader === undefined || !this.#streams(voter, primary)) return false;
    return replica.generation === leader.generation && replica.log.length >= leader.log.length;
  }

  #failOver(): void {
    const away = this.#some();
    this.cluster = failedOver(this.cluster, away);
  }

  /** Also when those voters are there: what only the gateway believes must lose nothing. */
  #degrade(): void {
    const { id: clusterId, epoch, rule, liveRules } = this.cluster;
    const seen = { epoch, generation: rule?.generation ?? 0, without: this.#some(), reason: '' };
    this.cluster = after(this.cluster, { kind: 'cluster.degraded', clusterId, ...seen });
    this.degraded += Number(liveRules !== this.cluster.liveRules || this.cluster.members.some((m) => m.facts.isCutOff));
  }

  #wish(): void {
    if (this.cluster.primary === undefined) return;
    const present = this.cluster.members.filter(({ isRetired }) => !isRetired).map(({ ordinal }) => ordinal);
    const kept = present.filter(() => this.#random() < 0.7);
    const next = this.cluster.nextOrdinal;
    const members = [...kept, next, ...(kept.length < 2 ? [next + 1] : [])]
      .slice(0, 5)
      .map((ordinal) => wanted(ordinal));
    this.cluster = { ...withWish(this.cluster, members), revision: this.cluster.revision + 1 };
  }

  #step(): string | undefined {
    const step = this.#pick(readySteps(this.cluster).filter(({ blocked }) => blocked === undefined));
    if (step === undefined) return undefined;
    const fact = this.#carryOut(step);
    if (fact === undefined) return undefined;
    // An answer that is lost: the step is done, and nobody knows. Or it comes when something else has happened.
    if (this.#random() >= 0.1) return this.#learn(fact);
    this.#late.push(fact);
    return undefined;
  }

  #learn(fact: Fact): string | undefined {
    const { lastElected } = this.cluster;
    this.cluster = applyFact(this.cluster, fact);
    return this.cluster.lastElected === lastElected ? undefined : this.#judge(this.cluster);
  }

  #judge({ primary, epoch }: Cluster): string | undefined {
    this.elections += 1;
    const log = this.members.get(primary ?? 0)?.log ?? [];
    const lost = this.acknowledged.find((write) => !log.some((entry) => entry.write === write));
    return lost === undefined
      ? undefined
      : `${primary} was elected for epoch ${epoch} without the acknowledged ${lost}`;
  }

  /** What the agents do. Undefined: refused. */
  #carryOut(step: Step): Fact | undefined {
    const { epoch, rule, primary = 0 } = this.cluster;
    const member = this.members.get(step.ordinal);
    const isOld = member !== undefined && member.promised > epoch;
    switch (step.kind) {
      case 'ensure_member':
        this.members.set(step.ordinal, {
          ...this.#member(0),
          ...{ log: [], promised: 0, role: 'none', isMarked: true },
        });
        break;
      case 'remove_member':
        this.members.delete(step.ordinal);
        break;
      case 'promise':
        if (member === undefined || isOld || member.isMarked) return undefined;
        if (member.epoch === epoch && member.role !== 'none') return undefined;
        Object.assign(member, { promised: epoch, role: 'none', upstream: 0 });
        return { kind: 'promised', ordinal: step.ordinal, promise: { epoch, position: positionOf(member) } };
      case 'promote':
        if (member === undefined || isOld) return undefined;
        if (member.role !== 'primary' || member.epoch !== epoch) member.log.push({ epoch, write: 0 });
        Object.assign(member, { ...{ promised: epoch, role: 'primary', epoch }, generation: rule?.generation, rule });
        break;
      case 'configure':
        if (member?.role !== 'primary' || isOld) return undefined;
        Object.assign(member, { generation: rule?.generation, rule });
        break;
      case 'seed':
        if (member === undefined || isOld) return undefined;
        Object.assign(member, { ...{ role: 'none', promised: epoch, isMarked: true }, log: [] });
        break;
      case 'rejoin':
        if (member === undefined || isOld || member.role === 'primary') return undefined;
        Object.assign(member, { ...{ role: 'none', promised: epoch, isMarked: true }, log: [] });
        break;
      case 'follow':
        if (member === undefined || isOld) return undefined;
        return this.#follow(member, primary, expectedFact(step, this.cluster));
      case 'open':
        return this.#opens(primary) ? expectedFact(step, this.cluster) : undefined;
      default:
        break;
    }
    return expectedFact(step, this.cluster);
  }

  #follow(member: ModelMember, primary: number, done: Fact): Fact | undefined {
    const { epoch, rule } = this.cluster;
    const theirs = this.members.get(primary)?.log ?? [];
    const fits = member.log.every(
      (entry, index) => entry.epoch === theirs[index]?.epoch && entry.write === theirs[index]?.write,
    );
    const role = {
      ...{ role: 'replica', promised: epoch, epoch },
      generation: rule?.generation,
      upstream: primary,
    } as const;
    // Seeded anew when it does not fit, and whole again when it has caught up.
    Object.assign(member, role, fits ? {} : { log: [], isMarked: true });
    if (member.isMarked && this.members.get(primary)?.role === 'primary') {
      if (this.#random() < 0.5) return undefined;
      this.#copyTo([...this.members].find(([, other]) => other === member)?.[0] ?? 0, primary);
    }
    return done;
  }

  #opens(primary: number): boolean {
    const leader = this.members.get(primary);
    const { epoch, rule } = this.cluster;
    if (leader?.role !== 'primary' || leader.epoch !== epoch || leader.generation !== rule?.generation) return false;
    return (
      leader.rule.voters.filter((voter) => voter !== primary && this.#counts(voter, primary)).length >=
      leader.rule.acknowledgements
    );
  }
}

/** As PostgreSQL tells it: the epoch of the last record, and how far the log reaches. */
function positionOf({ log }: ModelMember): { epoch: number; value: string } {
  return { epoch: log.at(-1)?.epoch ?? 0, value: `0/${(0x1000 + log.length).toString(16).toUpperCase()}` };
}

test('whatever dies, returns, answers late or never, whoever is elected has every acknowledged write', (t) => {
  let [elections, writes, degraded] = [0, 0, 0];
  for (let seed = 1; seed <= RUNS; seed += 1) {
    const model = new Model(seed, 2 + (seed % 4), seed % 3 === 0 ? 'degrade' : 'refuse');
    for (let move = 0; move < MOVES; move += 1) {
      const violation = model.move();
      if (violation !== undefined) return t.fail(`seed ${seed}, move ${move}: ${violation}`);
    }
    elections += model.elections;
    degraded += model.degraded;
    writes += new Set(model.acknowledged).size;
    t.is(memberOf(model.cluster, model.cluster.primary)?.ordinal, model.cluster.primary);
  }
  t.log(`${RUNS} runs, ${elections} elections, ${writes} acknowledged writes, ${degraded} times degraded`);
  t.true(elections > RUNS && writes > RUNS && degraded > 0);
});
