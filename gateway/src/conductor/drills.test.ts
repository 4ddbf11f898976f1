import type { CommandMemberRequest, CommandMemberResponse, WriterReport } from '@argosy/proto';
import test from 'ava';
import { drillSwitchover } from '../rest/cluster-changes.ts';
import { drillOf } from '../rest/new-drill.ts';
import type { Drill, DrillSpec } from '../state/drills.ts';
import type { Outage } from './disasters.ts';
import { Drills } from './drills.ts';
import type { RegionCommands } from './region-link.ts';
import { GrpcFailure, threeVoters, World } from './world-for-tests.ts';

const WRITES_MS = 10;
const UNAVAILABLE = 14;

/** A made cluster, a leader that leads its drills, and members that write, count and die. */
class Scene {
  readonly world = new World();
  readonly asked: string[] = [];
  readonly outages: Outage[] = [];
  readonly ended: string[] = [];
  readonly cuts: string[] = [];
  /** Members that are dead until then. */
  readonly dead = new Map<string, number>();
  lost = 0;
  /** Writes pause from the strike on for so long. */
  pauseMs = 1_500;
  #struckMs: number | undefined;
  #beganMs: number | undefined;
  #drills: Drills | undefined;
  #term = 0;
  #last: { readonly term: number; readonly phase: string } | undefined;

  async make(): Promise<void> {
    const { world } = this;
    world.elect();
    world.create(threeVoters);
    await world.until(() => world.federation.operation('create')?.status === 'DONE');
    for (const name of ['north', 'south', 'west']) {
      const region = { name, provider: name, jurisdiction: 'EU', status: 'UP', zones: [], flavors: [] } as const;
      world.commit({ kind: 'region.observed', region });
    }
    for (const { ordinal } of threeVoters) {
      world.commit({ kind: 'member.observed', clusterId: 'c', ordinal, isUp: true });
    }
    this.lead();
  }

  lead(): void {
    this.#drills?.stop();
    this.#term += 1;
    const term = this.#term;
    const { federation, clock } = this.world;
    this.#drills = new Drills({
      ...{ federation, clock, term, log: () => undefined, region: () => this.#region() },
      propose: async (entry) => {
        if (term === this.#last?.term && this.drill.phase === this.#last.phase) this.#term += 1;
        if (term !== this.#term) throw new Error('This peer leads no more.');
        return this.world.commit(entry);
      },
      disasters: {
        cut: async (id) => void this.cuts.push(id),
        begin: async (outage) => void this.outages.push(outage),
        end: async (id) => void this.ended.push(id),
      },
      switchOver: (drill, cluster, to) =>
        drillSwitchover(cluster, to, drill, { newId: () => `s${clock.monotonicMs()}` }),
      due: () => ({ kind: 'drill.aborted', drillId: 'd', reason: 'unused' }),
    });
    this.#drills.start();
  }

  /** The leader of that term ends as it would lead on from that phase. */
  lastOf(term: number, phase: string): void {
    this.#last = { term, phase };
  }

  get isLeaderless(): boolean {
    return this.#term === (this.#last?.term ?? 0) + 1;
  }

  stop(): void {
    this.#drills?.stop();
  }

  begin(spec: Partial<DrillSpec> & Pick<DrillSpec, 'kind'>): string | undefined {
    const { federation } = this.world;
    const cluster = federation.cluster('c');
    if (cluster === undefined) throw new Error('There is no cluster.');
    const whole: DrillSpec = {
      ...{ clusterId: 'c', clusterName: 'orders', projectId: 'p', scope: 'members', outageMs: 15_000 },
      ...{ abortAfterMs: 300_000, goals: { rtoMs: 10_000, lostWrites: 0 }, ...spec },
    };
    const drill = drillOf(whole, cluster, federation, { id: 'd', requestId: 'req' });
    return this.world.commit({ kind: 'drill.created', drill }).refused?.code;
  }

  get drill(): Drill {
    const drill = this.world.federation.drill('d');
    if (drill === undefined) throw new Error('There is no drill.');
    return drill;
  }

  async untilEnded(): Promise<Drill> {
    await this.world.until(() => this.drill.status !== 'RUNNING');
    return this.drill;
  }

  #region(): RegionCommands {
    return {
      ensureMember: () => Promise.reject(new Error('unused')),
      removeMember: () => Promise.reject(new Error('unused')),
      commandMember: async (request) => this.#answer(request),
    };
  }

  #answer({ command }: CommandMemberRequest): CommandMemberResponse {
    if (command?.$case !== 'rehearse') throw new Error('unused');
    const { header, part } = command.value;
    const member = header?.memberId ?? '';
    const now = this.world.clock.monotonicMs();
    if ((this.dead.get(member) ?? 0) > now) throw new GrpcFailure(UNAVAILABLE, 'It is dead.');
    if (part?.$case !== 'write') this.asked.push(`${part?.$case} ${member}`);
    if (part?.$case === 'crash') {
      this.dead.set(member, now + part.value.forMs);
      this.#struckMs ??= now;
      return { answer: { $case: 'rehearse', value: { writer: undefined } } };
    }
    this.#beganMs ??= now;
    return { answer: { $case: 'rehearse', value: { writer: this.#report(now, part?.$case === 'count') } } };
  }

  #report(now: number, isCounted: boolean): WriterReport {
    const struck = this.#struckMs;
    const resumed = (struck ?? Number.POSITIVE_INFINITY) + this.pauseMs;
    const isPausing = struck !== undefined && now >= struck && now < resumed;
    const last = isPausing ? (struck ?? now) : now;
    const pauses =
      struck === undefined || now < struck
        ? []
        : [{ begunMsAgo: now - struck, lastedMs: Math.min(now - struck, this.pauseMs) }];
    return {
      ...{ acknowledged: Math.floor((last - (this.#beganMs ?? now)) / WRITES_MS), unanswered: 1, pauses },
      ...{ silentMs: now - last, detail: '' },
      count: isCounted ? { lost: this.lost, doubled: 0, lostMs: 10 * this.lost, examples: [] } : undefined,
    };
  }
}

test('a drill writes, strikes, watches, heals, counts, leaves nothing behind, and reports what its writer saw', async (t) => {
  const scene = new Scene();
  await scene.make();

  scene.begin({ kind: 'primary-crash' });
  const { status, report, timeline, writer } = await scene.untilEnded();
  scene.stop();

  t.is(writer, 2);
  t.is(status, 'DONE');
  t.like(report, { verdict: 'passed', rtoMs: 1_500, rpoMs: 0, lostWrites: 0, doubledWrites: 0 });
  t.deepEqual(scene.asked, ['crash c-1', 'count c-2', 'leave c-2']);
  const kinds = timeline.map(({ kind }) => kind).filter((kind) => !/^(region|member)\./.test(kind));
  t.deepEqual(kinds, ['strikes', 'struck', 'recovered', 'whole', 'counted', 'ended']);
});

test('a lost write, or a longer pause than was aimed at, fails the drill', async (t) => {
  for (const fault of [{ lost: 2 }, { pauseMs: 11_000 }]) {
    const scene = new Scene();
    await scene.make();
    Object.assign(scene, fault);

    scene.begin({ kind: 'primary-crash' });
    const { status, report } = await scene.untilEnded();
    scene.stop();

    t.is(status, 'DONE');
    t.is(report?.verdict, 'failed');
  }
});

test('a new leader goes on with a drill at whatever moment the old one ended', async (t) => {
  for (const phase of ['writing', 'striking', 'watching', 'healing', 'counting', 'leaving']) {
    const scene = new Scene();
    await scene.make();

    scene.begin({ kind: 'region-outage', region: 'north', scope: 'region' });
    scene.lastOf(1, phase);
    await scene.world.until(() => scene.drill.phase === phase && scene.isLeaderless);
    scene.lead();
    const { report } = await scene.untilEnded();
    scene.stop();

    t.is(report?.verdict, 'passed', phase);
    t.is(scene.asked.filter((text) => text === 'crash c-1').length, 1, phase);
    t.true(scene.outages.length >= 1 && scene.outages.every(({ id }) => id === 'd'), phase);
  }
});

test('the loss of the control plane kills every peer and executor, and no member', async (t) => {
  const scene = new Scene();
  await scene.make();

  scene.begin({ kind: 'control-plane-loss', outageMs: 10_000 });
  const { report } = await scene.untilEnded();
  scene.stop();

  t.is(report?.verdict, 'passed');
  t.is(report?.rtoMs, 0);
  t.deepEqual(scene.asked, ['count c-2', 'leave c-2']);
  t.like(scene.outages[0], { regions: ['north', 'south', 'west'], kinds: ['gateway', 'executor'], forMs: 10_000 });
});

test('a switchover is made, and made back', async (t) => {
  const scene = new Scene();
  await scene.make();

  scene.begin({ kind: 'switchover', to: 'west' });
  const { report, operations, after } = await scene.untilEnded();
  scene.stop();

  t.is(operations.length, 2);
  t.deepEqual(after, { primary: 1, epoch: 3 });
  t.is(report?.verdict, 'passed');
});

test('while a drill runs nobody else changes its cluster, and no other drill begins there', async (t) => {
  const scene = new Scene();
  await scene.make();

  scene.begin({ kind: 'primary-crash' });
  const cluster = scene.world.cluster;
  if (cluster === undefined) throw new Error('There is no cluster.');
  const change = drillSwitchover(cluster, undefined, { id: 'another', requestId: 'r' }, { newId: () => 'x' });
  t.is(scene.world.commit(change).refused?.code, 'cluster.busy');
  const other = { ...scene.drill, id: 'other' };
  t.is(scene.world.commit({ kind: 'drill.created', drill: other }).refused?.code, 'drill.busy');
  scene.stop();
});

test('a drill that is broken off is healed and counted all the same', async (t) => {
  const scene = new Scene();
  await scene.make();
  scene.pauseMs = 120_000;

  scene.begin({ kind: 'region-outage', region: 'north', scope: 'region', outageMs: 60_000 });
  await scene.world.until(() => scene.drill.phase === 'watching');
  scene.world.commit({ kind: 'drill.aborted', drillId: 'd', reason: 'Broken off by demo.' });
  const { status, report } = await scene.untilEnded();
  scene.stop();

  t.is(status, 'ABORTED');
  t.deepEqual(scene.ended.slice(0, 1), ['d']);
  t.is(report?.lostWrites, 0);
  t.is(scene.asked.at(-1), 'leave c-2');
});
