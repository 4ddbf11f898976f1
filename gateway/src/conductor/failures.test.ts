import { AgentState, type MemberObservation, type MemberReport, MemberRole } from '@argosy/proto';
import test from 'ava';
import { hasEnded } from '../state/operations.ts';
import { Failures } from './failures.ts';
import { WitnessBook } from './witnesses.ts';
import { threeVoters, World } from './world-for-tests.ts';

const REPORT_MS = 1_000;

/** A cluster that was made, whose members report each second what they are told to. */
class Scene {
  readonly world = new World();
  readonly dead = new Set<number>();
  /** Regions that the gateway cannot see. */
  readonly unseen = new Set<string>();
  /** Replicas keep hearing their primary. */
  flows = true;
  #failures: Failures | undefined;
  #book = new WitnessBook(0);

  async make(): Promise<void> {
    const { world } = this;
    world.elect();
    world.create(threeVoters);
    await world.until(() => this.#ended('create'));
    this.lead();
    this.#report();
  }

  /** A new leader begins to listen. */
  lead(): void {
    this.#failures?.stop();
    const { federation, clock } = this.world;
    this.#book = new WitnessBook(clock.monotonicMs());
    let ids = 0;
    this.#failures = new Failures({
      ...{ federation, clock, book: this.#book, log: () => undefined },
      newId: () => `auto-${clock.monotonicMs()}-${ids++}`,
      propose: async (entry) => {
        const applied = this.world.commit(entry);
        this.#failures?.applied({ at: '', ...entry });
        return applied;
      },
    });
    this.#failures.start();
  }

  stop(): void {
    this.#failures?.stop();
  }

  async pass(ms: number): Promise<void> {
    const { clock } = this.world;
    const end = clock.monotonicMs() + ms;
    await this.world.until(() => clock.monotonicMs() >= end);
  }

  events(): string[] {
    const kinds = this.world.federation.eventsAfter(0).map(({ kind }) => kind);
    return kinds.filter((kind) => /^(primary|failover|cluster\.failover|members)/.test(kind));
  }

  operations(): string[] {
    return this.world.federation.operations().map(({ kind, status }) => `${kind} ${status}`);
  }

  #ended(id: string): boolean {
    const operation = this.world.federation.operation(id);
    return operation !== undefined && hasEnded(operation);
  }

  #report(): void {
    const { clock, cluster } = this.world;
    const { epoch = 0, primary = 0 } = cluster ?? {};
    for (const { ordinal, region } of threeVoters) {
      if (this.unseen.has(region)) this.#book.lose(region, clock.monotonicMs());
      else this.#book.hear(region, this.#observation(ordinal, epoch, primary), clock.monotonicMs());
    }
    clock.after(REPORT_MS, () => this.#report());
  }

  #observation(ordinal: number, epoch: number, primary: number): MemberObservation {
    const isDead = this.dead.has(ordinal);
    const isPrimary = ordinal === primary;
    const hears = this.flows && !this.dead.has(primary);
    const report: MemberReport = {
      ...{ memberId: `c-${ordinal}`, time: undefined, up: true, epoch, generation: 1, open: isPrimary },
      ...{ role: isPrimary ? MemberRole.PRIMARY : MemberRole.REPLICA, position: undefined, streams: [] },
      ...{ serverVersion: '15.18', detail: '', lease: undefined },
      upstream: isPrimary ? undefined : { streaming: hears, silentMs: hears ? 300 : 5_000 },
    };
    return {
      ...{ clusterId: 'c', memberId: `c-${ordinal}`, stackId: '', stackStatus: '', gone: false, peer: undefined },
      ...{ agent: isDead ? AgentState.UNREACHABLE : AgentState.REACHABLE, detail: '', stackStatusReason: '' },
      report: isDead ? undefined : report,
    };
  }
}

test('a member that returns in the moment in which the failover ends is brought back all the same', async (t) => {
  const scene = new Scene();
  await scene.make();
  scene.dead.add(1);
  await scene.world.until(() => scene.operations().includes('cluster.failover DONE'));

  // Seen while the failover was running still, whose end was on its way: nothing follows from that by itself.
  scene.dead.delete(1);
  scene.world.commit({ kind: 'members.seen', clusterId: 'c', away: [] });
  await scene.pass(10_000);

  t.true(scene.world.cluster?.members.every(({ facts }) => facts.epoch === 2));
  t.is(scene.operations().at(-1), 'cluster.repair DONE');
  scene.stop();
});

test('a dead primary is deposed by itself, and follows by itself when it is back', async (t) => {
  const scene = new Scene();
  await scene.make();
  await scene.pass(5_000);
  t.deepEqual(scene.operations(), ['cluster.create DONE']);

  scene.dead.add(1);
  const diedMs = scene.world.clock.monotonicMs();
  await scene.world.until(() => scene.world.cluster?.opened.epoch === 2);
  t.true(scene.world.clock.monotonicMs() - diedMs < 3_000);
  await scene.pass(5_000);
  t.deepEqual(scene.operations(), ['cluster.create DONE', 'cluster.failover DONE']);
  t.deepEqual(scene.events(), ['primary.suspected', 'cluster.failover']);

  scene.dead.delete(1);
  await scene.pass(5_000);
  scene.stop();
  t.deepEqual(scene.operations().slice(2), ['cluster.repair DONE']);
  t.like(scene.world.cluster?.members[0], { facts: { role: 'replica', epoch: 2 } });
  t.is(scene.world.cluster?.members[0]?.facts.isAway, undefined);
});

test('a region that only the gateway cannot see is suspected, told once, and left alone', async (t) => {
  const scene = new Scene();
  await scene.make();
  await scene.pass(2_000);
  scene.unseen.add('north');
  await scene.pass(60_000);
  t.deepEqual(scene.events(), ['primary.suspected']);

  scene.unseen.delete('north');
  await scene.pass(10_000);
  scene.stop();
  t.deepEqual(scene.events(), ['primary.suspected', 'primary.trusted']);
  t.is(scene.world.cluster?.epoch, 1);
});

test('when the majority of voters is gone nobody is promoted until one of them returns', async (t) => {
  const scene = new Scene();
  await scene.make();
  await scene.pass(2_000);
  scene.dead.add(1);
  scene.dead.add(2);
  await scene.pass(60_000);
  t.deepEqual(scene.events(), ['failover.waits']);
  t.is(scene.world.cluster?.epoch, 1, 'no epoch is raised that nobody could lead');

  scene.dead.delete(2);
  await scene.world.until(() => scene.world.cluster?.opened.epoch === 2);
  scene.stop();
  t.is(scene.world.cluster?.primary, 2);
});

test('the one elected dies before it is promoted: another is elected when the first voter is back', async (t) => {
  const scene = new Scene();
  await scene.make();
  await scene.pass(2_000);
  scene.world.fault = (command, member) => {
    if (scene.dead.has(Number(member.slice(2)))) throw new Error('It is dead.');
    if (command === 'promote' && member === 'c-2') scene.dead.add(2);
    if (scene.dead.has(Number(member.slice(2)))) throw new Error('It is dead.');
  };
  scene.dead.add(1);
  await scene.world.until(() => scene.dead.has(2));
  await scene.pass(20_000);
  t.is(scene.world.cluster?.epoch, 2);
  t.true(scene.events().includes('failover.waits'));

  scene.dead.delete(1);
  await scene.world.until(() => scene.world.cluster?.opened.epoch === 3);
  scene.stop();
  t.not(scene.world.cluster?.primary, 2);
});

test('a new leader of the gateway gives everybody the time to be heard, and then goes on', async (t) => {
  const scene = new Scene();
  await scene.make();
  await scene.pass(2_000);
  scene.lead();
  scene.unseen.add('north');
  scene.flows = false;
  await scene.pass(1_000);
  t.deepEqual(scene.events(), []);

  await scene.world.until(() => scene.world.cluster?.opened.epoch === 2);
  scene.stop();
  t.deepEqual(scene.events().slice(0, 2), ['primary.suspected', 'cluster.failover']);
});

test('after a recovery of the federation every cluster elects its primary anew by itself', async (t) => {
  const scene = new Scene();
  await scene.make();
  await scene.pass(2_000);
  scene.world.commit({ kind: 'federation.recovered', epochs: 100 });
  scene.lead();
  await scene.world.until(() => scene.world.cluster?.opened.epoch === 101);
  await scene.pass(2_000);
  scene.stop();

  t.deepEqual(scene.operations(), ['cluster.create DONE', 'cluster.repair DONE']);
  t.is(scene.world.cluster?.primary, 1);
});
