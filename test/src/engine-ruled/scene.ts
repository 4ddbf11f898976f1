// What happens to a cluster whose engine rules itself, whatever the engine: each is a change or a loss, and what the writer
// noticed of it.
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { clusterOf, whole } from '../continuity/clusters.ts';
import { Guests } from '../continuity/guests.ts';
import { FederationUnderTest } from '../crash-matrix/local-federation.ts';
import { Tenant } from '../crash-matrix/tenant.ts';
import { findGuests } from '../crash-matrix/victims.ts';
import { waitUntil } from '../crash-matrix/waiting.ts';
import { argosy } from '../regions/command-line.ts';
import { RuledWriter } from './writer.ts';

/** The engine may have to be fetched first. */
const MADE_LIMIT_MS = 480_000;
const WHOLE_LIMIT_MS = 240_000;
const WRITES = 20;

export interface Scene {
  readonly t: ExecutionContext;
  readonly home: string;
  readonly name: string;
  readonly tenant: Tenant;
  readonly guests: Guests;
  readonly writer: RuledWriter;
}

/** A federation with a cluster that was made by these words, in three regions, and a writer beside it. */
export async function begin(
  t: ExecutionContext,
  { name, datastore, words }: { readonly name: string; readonly datastore: string; readonly words: readonly string[] },
): Promise<Scene> {
  const federation = await FederationUnderTest.start();
  t.teardown(() => federation.stop(!t.passed));
  const { home } = federation;
  const [tenant, guests] = [new Tenant(home), new Guests(home)];
  const beforeMs = performance.now();
  await said(t, home, 'cluster', 'create', name, '--datastore', datastore, '--voters', '3', ...words);
  const made = await whole(tenant, name, { limitMs: MADE_LIMIT_MS });
  t.log(`create: ${Math.round(performance.now() - beforeMs)} ms`);
  t.is(new Set(made.members.map(({ region }) => region)).size, 3);
  t.true(made.members.every(({ role }) => role === 'primary'));

  const uri = await said(t, home, 'cluster', 'uri', name);
  const [, user = '', password = ''] = /^[a-z]+:\/\/([^:]+):([^@]+)@/.exec(uri) ?? [];
  const writer = new RuledWriter(home, tenant, { name, datastore }, { user, password });
  writer.start();
  t.teardown(() => writer.end());
  await writer.goesOn(WRITES);
  return { t, home, name, tenant, guests, writer };
}

/** Nothing that was acknowledged is missing; then nothing is left of the cluster. */
export async function end({ t, home, name, tenant, writer }: Scene): Promise<void> {
  await writer.end();
  t.deepEqual(await writer.missing(), []);
  t.log(`${writer.acknowledged.length} acknowledged writes, 0 lost`);
  const { id } = await clusterOf(tenant, name);
  await said(t, home, 'cluster', 'delete', name);
  await waitUntil('the cluster is gone', WHOLE_LIMIT_MS, async () => (await tenant.cluster(name)) === undefined);
  t.deepEqual(
    findGuests(home).filter(({ memberId }) => memberId?.startsWith(id) === true),
    [],
  );
}

export async function refusals(
  { t, home }: Scene,
  refused: readonly (readonly [RegExp, readonly string[]])[],
): Promise<void> {
  for (const [reason, words] of refused) {
    const { code, error } = await argosy(home, 'demo', ...words);
    t.is(code, 1, words.join(' '));
    t.regex(error, reason);
  }
}

/** Another number of members than before. */
export async function resized(scene: Scene, verb: 'grow' | 'shrink', voters: number): Promise<void> {
  await beside(scene, verb, 'cluster', verb, scene.name, '--voters', String(voters));
  scene.t.is((await clusterOf(scene.tenant, scene.name)).members.length, voters);
}

export async function aRegionIsLost({ t, name, tenant, guests, writer }: Scene): Promise<void> {
  const { members } = await clusterOf(tenant, name);
  writer.longestPauseMs = 0;
  const giveBack = guests.cutRegion(members[1]?.region ?? '');
  await writer.goesOn(WRITES);
  t.log(`region lost: longest pause ${Math.round(writer.longestPauseMs)} ms`);
  giveBack();
  await whole(tenant, name, { limitMs: WHOLE_LIMIT_MS });
}

/** It never comes back, or its guest does with nothing on its volume: another takes its place. */
export async function aLostMemberIsReplaced(scene: Scene, how: 'dead' | 'empty'): Promise<void> {
  const { t, home, name, tenant, guests } = scene;
  const { id: lost = '', region = '' } = (await clusterOf(tenant, name)).members[0] ?? {};
  const giveBack = guests.cutPower(({ memberId }) => memberId === lost);
  if (how === 'empty') {
    const volume = volumeOf(join(home, 'volumes', region), lost);
    for (const each of readdirSync(volume)) rmSync(join(volume, each), { recursive: true });
    giveBack();
  }
  await beside(scene, `replace, ${how}`, 'cluster', 'replace', name, '--member', lost);
  const { members } = await clusterOf(tenant, name);
  t.is(members.length, 3);
  t.false(members.some(({ id }) => id === lost));
}

function volumeOf(volumes: string, memberId: string): string {
  const isOurs = (name: string): boolean =>
    readFileSync(join(volumes, name, 'agent/state.json'), 'utf8').includes(`"${memberId}"`);
  const volume = readdirSync(volumes).find(isOurs);
  if (volume === undefined) throw new Error(`${memberId} has no volume.`);
  return join(volumes, volume);
}

/** `before` is done to their volumes while they are off. */
export async function allAreLostAtOnce(
  { t, home, name, tenant, guests, writer }: Scene,
  before: (volume: string) => void = () => undefined,
): Promise<void> {
  const { id, members } = await clusterOf(tenant, name);
  const beforeMs = performance.now();
  const giveBack = guests.cutPower(({ memberId }) => memberId?.startsWith(id) === true);
  for (const { id: memberId, region } of members) before(volumeOf(join(home, 'volumes', region), memberId));
  giveBack();
  await writer.goesOn(WRITES);
  t.log(`all members lost and given back: ${Math.round(performance.now() - beforeMs)} ms until ${WRITES} writes more`);
  await whole(tenant, name, { limitMs: WHOLE_LIMIT_MS });
}

/** A change, and what the writer noticed of it. */
export async function beside(
  { t, home, name, tenant, writer }: Scene,
  what: string,
  ...words: readonly string[]
): Promise<void> {
  writer.longestPauseMs = 0;
  const beforeMs = performance.now();
  await said(t, home, ...words);
  await whole(tenant, name, { limitMs: WHOLE_LIMIT_MS });
  t.log(
    `${what}: ${Math.round(performance.now() - beforeMs)} ms, longest pause ${Math.round(writer.longestPauseMs)} ms`,
  );
  await writer.goesOn(WRITES);
}

export async function said(t: ExecutionContext, home: string, ...words: readonly string[]): Promise<string> {
  const { code, out, error } = await argosy(home, 'demo', ...words);
  t.is(code, 0, `${words.join(' ')}: ${error}`);
  return out;
}
