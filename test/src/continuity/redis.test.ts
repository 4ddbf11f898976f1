// A Redis cluster of three regions as real processes, by the command line, with a writer beside it and with the stock
// clients: it is made, hands over, loses the region of its primary, goes on with every write that is older than the bound,
// takes other parameters, grows, shrinks, has users, and is deleted without a trace.
import { readFileSync } from 'node:fs';
import { fixtures } from '@argosy/datastores/contract';
import test from 'ava';
import { readFederation } from '../crash-matrix/victims.ts';
import { waitUntil } from '../crash-matrix/waiting.ts';
import { primaryOf } from './clusters.ts';
import { NumberWriter } from './number-writer.ts';
import { type StockClient, stockClients } from './stock-redis-clients.ts';
import { Trial } from './trial.ts';

const NAME = 'cache';
const TEST_LIMIT_MS = 480_000;
const LIMIT_MS = 60_000;
const WRITES = 50;
const ANSWERS = 10;
const MS_PER_SECOND = 1_000;
const RPO_SECONDS = 2;

interface Scene {
  readonly trial: Trial;
  readonly writer: NumberWriter;
  readonly clients: readonly StockClient[];
}

test('redis: three regions, a switchover, a lost region, other parameters and sizes: what was acknowledged before the bound is there', async (t) => {
  t.timeout(TEST_LIMIT_MS);
  const wish = ['--datastore', 'redis', '--survive', 'region', '--rpo', String(RPO_SECONDS)];
  const trial = await Trial.begin(t, NAME, ...wish);
  const writer = new NumberWriter(trial, fixtures.redis);
  await writer.write(WRITES);
  const { username, password } = trial.credentials;
  const ca = readFileSync(readFederation(trial.home).ca, 'utf8');
  const addresses = trial.made.members.flatMap(({ address }) => address ?? []);
  const clients = await stockClients(addresses, { username, password, ca });
  const endClients = async (): Promise<void> => void (await Promise.all(clients.map((client) => client.end())));
  t.teardown(endClients);
  const scene = { trial, writer, clients };
  await goOn(scene, 'as Sentinels say');

  const target = trial.made.members.find(({ role }) => role !== 'primary')?.id ?? '';
  await changes(scene, 'a switchover', 'cluster', 'switchover', NAME, '--to', target);
  t.is((await trial.primary()).id, target);
  await goOn(scene, 'after the switchover');
  await changes(scene, 'a live parameter', 'parameter', 'set', NAME, 'maxmemory-policy=allkeys-lru');
  await changes(scene, 'one with a restart', 'parameter', 'set', NAME, 'databases=32');
  await changes(scene, 'one member more', 'cluster', 'grow', NAME, '--replicas', '1');
  await changes(scene, 'one member less', 'cluster', 'shrink', NAME, '--replicas', '0');
  await changes(scene, 'a user', 'user', 'create', NAME, 'app', '--grant', 'orders:*=write');
  await changes(scene, 'no user', 'user', 'delete', NAME, 'app');
  const lost = await loseRegion(scene);
  t.log(`${writer.acknowledged.length} acknowledged writes, ${lost} lost`);
  await writer.end();
  await endClients();
  await trial.ends();
});

/** A change that loses nothing. */
async function changes({ trial, writer }: Scene, what: string, ...words: readonly string[]): Promise<void> {
  await trial.changes(writer, WRITES, what, ...words);
  trial.t.deepEqual(await writer.missing(), [], what);
}

/** Answers how many writes it cost. */
async function loseRegion(scene: Scene): Promise<number> {
  const { trial, writer } = scene;
  const { epoch, members } = await trial.cluster();
  const primary = primaryOf({ members });
  const beforeMs = performance.now();
  const giveBack = trial.guests.cutRegion(primary.region);
  await writer.write(WRITES);
  trial.t.log(`region killed: RTO ${Math.round(writer.longestPauseMs(beforeMs))} ms as the writer saw it`);
  await goOn(scene, 'after the failover');
  giveBack();
  const after = await trial.whole(epoch + 1);
  trial.t.not(primaryOf(after).id, primary.id);
  await writer.write(WRITES);
  const lost = await writer.missing();
  const old = lost.filter(({ atMs }) => atMs < beforeMs - RPO_SECONDS * MS_PER_SECOND);
  trial.t.deepEqual(old, [], 'what is lost is no older than the bound');
  return lost.length;
}

/** Each stock client is answered by whoever leads now. */
async function goOn({ trial, clients }: Scene, when: string): Promise<void> {
  const beginMs = performance.now();
  for (const client of clients) {
    const goal = client.answers + ANSWERS;
    await waitUntil(
      `${client.name} goes on ${when}`,
      LIMIT_MS,
      () => client.answers >= goal,
      () => client.lastError,
    );
    trial.t.log(`${client.name} ${when}: ${Math.round(performance.now() - beginMs)} ms`);
  }
}
