// An etcd cluster over three regions by the command line, with a writer beside it all the while: made, refused what it
// cannot do, a region lost and back, grown, shrunk, a parameter changed, a member replaced, all members lost at once and
// back, deleted.
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { clusterOf, whole } from '../continuity/clusters.ts';
import { Guests } from '../continuity/guests.ts';
import { FederationUnderTest } from '../crash-matrix/local-federation.ts';
import { Tenant } from '../crash-matrix/tenant.ts';
import { findGuests } from '../crash-matrix/victims.ts';
import { waitUntil } from '../crash-matrix/waiting.ts';
import { argosy } from '../regions/command-line.ts';
import { RuledWriter } from './writer.ts';

const NAME = 'store';
const TEST_LIMIT_MS = 900_000;
/** The engine may have to be fetched first. */
const MADE_LIMIT_MS = 240_000;
const WHOLE_LIMIT_MS = 120_000;
const WRITES = 20;

interface Scene {
  readonly t: ExecutionContext;
  readonly home: string;
  readonly tenant: Tenant;
  readonly guests: Guests;
  readonly writer: RuledWriter;
}

test('etcd: three regions, one lost, grown, shrunk, replaced, all lost at once: no acknowledged write is lost', async (t) => {
  t.timeout(TEST_LIMIT_MS);
  const federation = await FederationUnderTest.start();
  t.teardown(() => federation.stop(!t.passed));
  const { home } = federation;
  const [tenant, guests] = [new Tenant(home), new Guests(home)];
  const beforeMs = performance.now();
  await said(t, home, 'cluster', 'create', NAME, '--datastore', 'etcd', '--voters', '3');
  const made = await whole(tenant, NAME, { limitMs: MADE_LIMIT_MS });
  t.log(`create: ${Math.round(performance.now() - beforeMs)} ms`);
  t.is(new Set(made.members.map(({ region }) => region)).size, 3);
  t.true(made.members.every(({ role }) => role === 'primary'));

  const uri = await said(t, home, 'cluster', 'uri', NAME);
  const [, user = '', password = ''] = /^https:\/\/([^:]+):([^@]+)@/.exec(uri) ?? [];
  const writer = new RuledWriter(home, tenant, { name: NAME, datastore: 'etcd' }, { user, password });
  writer.start();
  t.teardown(() => writer.end());
  await writer.goesOn(WRITES);
  const scene = { t, home, tenant, guests, writer };

  await whatItCannotDoIsRefused(scene);
  await beside(scene, 'volume', 'cluster', 'resize', NAME, '--volume', '2');
  await aRegionIsLost(scene);
  await beside(scene, 'grow', 'cluster', 'grow', NAME, '--voters', '5');
  t.is((await clusterOf(tenant, NAME)).members.length, 5);
  await beside(scene, 'shrink', 'cluster', 'shrink', NAME, '--voters', '3');
  t.is((await clusterOf(tenant, NAME)).members.length, 3);
  await beside(scene, 'parameter', 'parameter', 'set', NAME, 'max-txn-ops=256');
  await aLostMemberIsReplaced(scene, 'dead');
  await aLostMemberIsReplaced(scene, 'empty');
  await allAreLostAtOnce(scene);

  await writer.end();
  t.deepEqual(await writer.missing(), []);
  t.log(`${writer.acknowledged.length} acknowledged writes, 0 lost`);
  const { id } = await clusterOf(tenant, NAME);
  await said(t, home, 'cluster', 'delete', NAME);
  await waitUntil('the cluster is gone', WHOLE_LIMIT_MS, async () => (await tenant.cluster(NAME)) === undefined);
  t.deepEqual(
    findGuests(home).filter(({ memberId }) => memberId?.startsWith(id) === true),
    [],
  );
});

async function whatItCannotDoIsRefused({ t, home, tenant }: Scene): Promise<void> {
  const refused: readonly (readonly [RegExp, readonly string[]])[] = [
    [/elects its own leader/, ['cluster', 'switchover', NAME]],
    [/nobody else may give up its writes/, ['cluster', 'failover', NAME, '--accept-data-loss']],
    [/must be odd/, ['cluster', 'grow', NAME, '--voters', '4']],
    [/must be 0/, ['cluster', 'grow', NAME, '--replicas', '1']],
    [/etcd has no users/, ['user', 'create', NAME, 'somebody']],
    [/a quorum of its own/, ['cluster', 'create', 'other', '--datastore', 'etcd', '--durability', 'async']],
  ];
  for (const [reason, words] of refused) {
    const { code, error } = await argosy(home, 'demo', ...words);
    t.is(code, 1, words.join(' '));
    t.regex(error, reason);
  }
  const { status, body } = await tenant.ask('POST', `/v2/clusters/${NAME}/credentials`, { body: {} });
  t.is(status, 409);
  t.regex(JSON.stringify(body), /keeps the password/);
}

async function aRegionIsLost({ t, tenant, guests, writer }: Scene): Promise<void> {
  const { members } = await clusterOf(tenant, NAME);
  writer.longestPauseMs = 0;
  const giveBack = guests.cutRegion(members[1]?.region ?? '');
  await writer.goesOn(WRITES);
  t.log(`region lost: longest pause ${Math.round(writer.longestPauseMs)} ms`);
  giveBack();
  await whole(tenant, NAME, { limitMs: WHOLE_LIMIT_MS });
}

/** It never comes back, or its guest does with nothing on its volume: another takes its place. */
async function aLostMemberIsReplaced(scene: Scene, how: 'dead' | 'empty'): Promise<void> {
  const { t, home, tenant, guests } = scene;
  const { id: lost = '', region = '' } = (await clusterOf(tenant, NAME)).members[0] ?? {};
  const giveBack = guests.cutPower(({ memberId }) => memberId === lost);
  if (how === 'empty') {
    emptyVolume(join(home, 'volumes', region), lost);
    giveBack();
  }
  await beside(scene, `replace, ${how}`, 'cluster', 'replace', NAME, '--member', lost);
  const { members } = await clusterOf(tenant, NAME);
  t.is(members.length, 3);
  t.false(members.some(({ id }) => id === lost));
}

function emptyVolume(volumes: string, memberId: string): void {
  const isOurs = (name: string): boolean =>
    readFileSync(join(volumes, name, 'agent/state.json'), 'utf8').includes(`"${memberId}"`);
  const volume = readdirSync(volumes).find(isOurs);
  if (volume === undefined) throw new Error(`${memberId} has no volume.`);
  for (const name of readdirSync(join(volumes, volume))) rmSync(join(volumes, volume, name), { recursive: true });
}

async function allAreLostAtOnce({ t, tenant, guests, writer }: Scene): Promise<void> {
  const { id } = await clusterOf(tenant, NAME);
  const beforeMs = performance.now();
  const giveBack = guests.cutPower(({ memberId }) => memberId?.startsWith(id) === true);
  giveBack();
  await writer.goesOn(WRITES);
  t.log(`all members lost and given back: ${Math.round(performance.now() - beforeMs)} ms until ${WRITES} writes more`);
  await whole(tenant, NAME, { limitMs: WHOLE_LIMIT_MS });
}

/** A change, and what the writer noticed of it. */
async function beside({ t, home, tenant, writer }: Scene, what: string, ...words: readonly string[]): Promise<void> {
  writer.longestPauseMs = 0;
  const beforeMs = performance.now();
  await said(t, home, ...words);
  await whole(tenant, NAME, { limitMs: WHOLE_LIMIT_MS });
  t.log(
    `${what}: ${Math.round(performance.now() - beforeMs)} ms, longest pause ${Math.round(writer.longestPauseMs)} ms`,
  );
  await writer.goesOn(WRITES);
}

async function said(t: ExecutionContext, home: string, ...words: readonly string[]): Promise<string> {
  const { code, out, error } = await argosy(home, 'demo', ...words);
  t.is(code, 0, `${words.join(' ')}: ${error}`);
  return out;
}
