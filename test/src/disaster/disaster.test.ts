// The life of one federation whose gateway peers are real processes: it is brought to a later version peer by peer while
// tenants write, loses two of its three peers for ever, and is recovered from the third as docs/operating.md says.
import test, { type ExecutionContext } from 'ava';
import { writeRow } from '../crash-matrix/database.ts';
import { FederationUnderTest } from '../crash-matrix/local-federation.ts';
import { type ClusterView, type Credentials, Tenant } from '../crash-matrix/tenant.ts';
import { waitUntil } from '../crash-matrix/waiting.ts';
import { list, make, untilActive } from '../load/clusters.ts';
import { Peers, preload } from './peers.ts';

const START_MS = 300_000;
/** How long a tenant may have to try again while a peer is restarted, its last change included. */
const ACCEPTED_MS = 15_000;
const REFUSED_MS = 15_000;
const GONE_MS = 30_000;
const EPOCHS_AHEAD = 100;
const SURVIVOR = 1;
const LOST: readonly number[] = [2, 3];
/** What those are with new disks: an id belongs to its disk for ever. */
const JOINING: readonly number[] = [4, 5];
const READY_MS = 20_000;

interface World {
  readonly t: ExecutionContext;
  readonly home: string;
  readonly peers: Peers;
  readonly tenant: Tenant;
  /** Of the cluster `demo`. */
  credentials: Credentials | undefined;
}

test('a federation is rolled to a later version under writes, and outlives the loss of two of its three peers', async (t) => {
  t.timeout(START_MS);
  const federation = await FederationUnderTest.start([], preload);
  t.teardown(() => federation.stop());
  const { home } = federation;
  const world: World = { t, home, peers: new Peers(federation), tenant: new Tenant(home), credentials: undefined };

  const began = performance.now();
  await rollWhileWriting(world);
  const rolled = performance.now();
  await recoverFromOne(world);
  t.log(
    `rolled in ${Math.round(rolled - began)} ms, lost and recovered in ${Math.round(performance.now() - rolled)} ms`,
  );
});

async function rollWhileWriting(world: World): Promise<void> {
  const { t, peers, tenant } = world;
  const writer = new Writer(world);
  await writer.untilWritten(1);
  // The leader first: it is the later version that has to mind the earlier ones.
  const first = await peers.leader();
  const [second = 0, last = 0] = [1, 2, 3].filter((id) => id !== first);
  for (const id of [first, second]) {
    peers.upgrade(id);
    await peers.restart(id);
    await writer.untilWritten(1);
  }
  t.regex(peers.log(first), /"leadership handed over"/);
  await peers.stop(last, 'SIGTERM');
  await waitUntil('one of the later version leads', ACCEPTED_MS, async () => (await peers.leader()) !== last);
  await writer.untilWritten(2);
  const { cluster } = await make(tenant, 'passing');
  const refused = await ask(world, first, 'DELETE', `/v2/clusters/${cluster.id}`);
  t.is(refused.title, 'peers.outdated');
  t.deepEqual(
    [1, 2, 3].flatMap((id) => peers.appliedOfLaterKinds(id)),
    [],
  );

  peers.upgrade(last);
  peers.letStart(last);
  await peers.untilReady(last);
  await untilActive(tenant, [cluster]);
  await tenant.change('DELETE', `/v2/clusters/${cluster.id}`);
  await writer.untilWritten(1);
  await writer.stop();
  await waitUntil('the cluster is gone', GONE_MS, async () => (await tenant.cluster(cluster.id)) === undefined);

  t.true(peers.appliedOfLaterKinds(last).includes('cluster.unwanted.later'));
  t.true(writer.slowestMs < ACCEPTED_MS, `the slowest of ${writer.written} writes took ${writer.slowestMs} ms`);
  for (const id of [1, 2, 3]) t.notRegex(peers.log(id), /the peer cannot go on/);
  t.log(`${writer.written} changes were accepted, the slowest after ${Math.round(writer.slowestMs)} ms`);
}

async function recoverFromOne(world: World): Promise<void> {
  const { t, home, peers } = world;
  const before = await demo(world);
  await writeRow(home, before, world.credentials as Credentials);
  for (const id of LOST) {
    await peers.stop(id, 'SIGKILL');
    peers.loseDisk(id);
  }
  await writeRow(home, before, world.credentials as Credentials);

  const recovery = await recover(world);
  t.deepEqual(recovery.clusters, [before.id]);
  await startAll(world, recovery.clusterId);

  await showsEverything(world, before);
  await refusesLost(world);
}

/** As an operator does it who begins too early, and then with an earlier version. */
async function recover({ t, peers }: World): Promise<{ clusterId: string; clusters: readonly string[] }> {
  const tooEarly = await peers.recover(SURVIVOR);
  t.is(tooEarly.code, 1);
  t.regex(tooEarly.error, /Stop the peer first.* Nothing was changed/);
  await peers.stop(SURVIVOR, 'SIGTERM');
  const unknown = await peers.recover(SURVIVOR, ...JOINING);
  t.is(unknown.code, 1);
  t.regex(unknown.error, /Peer 4, 5 is not among the peers of the configuration\.\nNothing was changed/);
  const joining = (id: number): number => JOINING[LOST.indexOf(id)] ?? id;
  peers.configure(SURVIVOR, { peers: peers.known(SURVIVOR).map((peer) => ({ ...peer, id: joining(peer.id) })) });
  peers.downgrade(SURVIVOR);
  const tooOld = await peers.recover(SURVIVOR, ...JOINING);
  t.is(tooOld.code, 1);
  t.regex(tooOld.error, /Recover with the version that the peer ran/);
  peers.upgrade(SURVIVOR);

  const recovery = await peers.recover(SURVIVOR, ...JOINING);
  t.is(recovery.code, 0, recovery.error);
  return JSON.parse(recovery.out);
}

/** The lost peers' machines have new disks, and with them new ids. */
async function startAll({ t, peers }: World, clusterId: string): Promise<void> {
  peers.configure(SURVIVOR, { clusterId });
  const all = peers.known(SURVIVOR);
  for (const [at, id] of LOST.entries()) {
    peers.configure(id, { clusterId, peers: all, peer: { id: JOINING[at], name: `peer-${id}` } });
    peers.letStart(id);
  }
  for (const id of LOST) {
    await waitUntil(`peer ${id} answers`, READY_MS, async () => /leader/.test((await peers.readiness(id)).text));
  }
  peers.letStart(SURVIVOR);
  for (const id of [SURVIVOR, ...LOST]) await peers.untilReady(id);
  // Empty ones among themselves would be a federation without clusters.
  for (const id of LOST)
    t.notRegex(peers.log(id).split('"peer serves"').at(-1) ?? '', /"role":"leader","term":\d{1,6},/);
}

async function showsEverything(world: World, before: ClusterView): Promise<void> {
  const { t, home, peers, tenant } = world;
  await untilActive(tenant, [before]);
  const after = await demo(world);
  t.true(after.epoch >= before.epoch + EPOCHS_AHEAD, `epoch ${before.epoch} became ${after.epoch}`);
  await writeRow(home, after, world.credentials as Credentials);
  const { body } = await tenant.ask('GET', '/v2/regions');
  const { regions } = body as { regions: readonly { name: string; status: string }[] };
  t.deepEqual(
    regions.map(({ name, status }) => `${name} ${status}`),
    ['north UP', 'south UP', 'west UP'],
  );
  const status = await peers.argosy('federation', 'status');
  t.is(status.code, 0, status.error);
  t.regex(status.out, /READY +\| Peer [145] leads in term \d+\./);
  const { cluster } = await make(tenant, 'afterwards');
  await untilActive(tenant, [cluster]);
  t.deepEqual(
    (await list(tenant)).map(({ name, status }) => `${name} ${status}`),
    ['demo ACTIVE', 'afterwards ACTIVE'],
  );
}

/** Its old disk is found, with its configuration of before. */
async function refusesLost({ t, peers, tenant }: World): Promise<void> {
  const [back = 0] = LOST;
  await peers.stop(back, 'SIGTERM');
  peers.findDisk(back);
  peers.letStart(back);
  await waitUntil('the lost peer says that it is refused', REFUSED_MS, () =>
    /"why":"This caller is not a peer\."/.test(peers.log(back)),
  );
  t.false((await peers.readiness(back)).isReady);
  t.is((await tenant.ask('GET', '/v2/clusters/demo', { peer: SURVIVOR - 1 })).status, 200);
}

async function demo({ tenant }: World): Promise<ClusterView> {
  const cluster = await tenant.cluster('demo');
  if (cluster === undefined) throw new Error('The cluster demo is not there.');
  return cluster;
}

/** Of one peer, without trying again. */
async function ask({ tenant, peers }: World, id: number, method: string, path: string) {
  const headers = { 'x-auth-token': await tenant.token() };
  const answer = await fetch(`${peers.rest(id)}${path}`, { method, headers, signal: AbortSignal.timeout(ACCEPTED_MS) });
  const { error } = (await answer.json()) as { error?: { title: string } };
  return { status: answer.status, title: error?.title };
}

/** A tenant who changes the password of `demo` again and again. */
class Writer {
  written = 0;
  slowestMs = 0;
  #isEnding = false;
  readonly #world: World;
  readonly #ended: Promise<void>;
  #failure: unknown;

  constructor(world: World) {
    this.#world = world;
    this.#ended = this.#write().catch((error: unknown) => {
      this.#failure = error;
    });
  }

  /** So many more than now. */
  async untilWritten(more: number): Promise<void> {
    const goal = this.written + more;
    await waitUntil(`${more} more changes are accepted`, more * ACCEPTED_MS, () => {
      if (this.#failure !== undefined) throw this.#failure;
      return this.written >= goal;
    });
  }

  async stop(): Promise<void> {
    this.#isEnding = true;
    await this.#ended;
    if (this.#failure !== undefined) throw this.#failure;
    await untilActive(this.#world.tenant, [await demo(this.#world)]);
  }

  async #write(): Promise<void> {
    const { tenant } = this.#world;
    while (!this.#isEnding) {
      const began = performance.now();
      const accepted = await tenant.change('POST', '/v2/clusters/demo/credentials', {});
      this.#world.credentials = accepted?.credentials ?? this.#world.credentials;
      this.slowestMs = Math.max(this.slowestMs, performance.now() - began);
      this.written += 1;
    }
  }
}
