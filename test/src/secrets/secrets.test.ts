// After a create, a new password and a switchover: everything that the federation has written is searched for every
// password and key that there is.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { FederationUnderTest } from '../crash-matrix/local-federation.ts';
import { type Credentials, Tenant } from '../crash-matrix/tenant.ts';
import { findGuests, readFederation } from '../crash-matrix/victims.ts';
import { untilActive } from '../load/clusters.ts';
import { findInArguments, findSecrets, keysIn, type Secret, spellings } from './search.ts';

const START_MS = 300_000;

interface Settings {
  readonly passwords: Readonly<Record<string, string>>;
  readonly regions: Readonly<Record<string, { readonly executorPassword: string; readonly regionKey: string }>>;
}

test('no password, token or key is written where it is not at home', async (t) => {
  t.timeout(START_MS);
  const federation = await FederationUnderTest.start();
  const { home } = federation;
  t.teardown(() => federation.stop());
  const tenant = new Tenant(home);
  const told: Credentials[] = [];
  const wish = { name: 'kept', datastore: { type: 'postgresql' }, topology: { voters: 3 } };
  const made = await tenant.change('POST', '/v2/clusters', { cluster: { ...wish, placement: { survive: 'region' } } });
  if (made?.credentials !== undefined) told.push(made.credentials);
  const path = `/v2/clusters/${made?.cluster.id}`;
  for (const change of ['credentials', 'switchover']) {
    await untilActive(tenant, [(made as NonNullable<typeof made>).cluster]);
    const changed = await tenant.change('POST', `${path}/${change}`, {});
    if (changed?.credentials !== undefined) told.push(changed.credentials);
  }
  await untilActive(tenant, [(made as NonNullable<typeof made>).cluster]);
  const user = await tenant.change('POST', `${path}/users`, { user: { name: 'app' } });
  if (user?.credentials !== undefined) told.push(user.credentials);
  await untilActive(tenant, [(made as NonNullable<typeof made>).cluster]);
  t.is(told.length, 3);

  const secrets = [...(await texts(home, tenant, told)), ...keysIn(home)];
  t.true(secrets.length > 40, `${secrets.length} are known`);
  t.deepEqual(findSecrets(home, secrets), []);
  const everywhere = findSecrets(
    home,
    secrets.map((secret) => ({ ...secret, home: [] })),
  );
  t.true(everywhere.length >= secrets.length / 2, 'the search finds what is at home');
  const { peers, regions } = readFederation(home);
  const pids = [...peers.map(({ pid }) => pid), ...regions.flatMap(({ pid, microcloud_pid }) => [pid, microcloud_pid])];
  const guests = findGuests(home).map(({ pid }) => pid);
  t.deepEqual(findInArguments([...pids.filter((pid) => pid !== null), ...guests], secrets), []);
});

async function texts(home: string, tenant: Tenant, told: readonly Credentials[]): Promise<Secret[]> {
  const { passwords, regions } = JSON.parse(readFileSync(join(home, 'operator/settings.json'), 'utf8')) as Settings;
  const named = [
    ...Object.entries(passwords).map(([user, text]) => ({ name: `the password of ${user}`, text })),
    ...Object.entries(regions).flatMap(([region, { executorPassword, regionKey }]) => [
      { name: `the executor's password in ${region}`, text: executorPassword },
      { name: `the region key of ${region}`, text: regionKey },
      { name: `the region key of ${region}`, text: Buffer.from(regionKey, 'hex') },
    ]),
    ...told.map(({ password }, index) => ({ name: `password ${index + 1} of the cluster`, text: password })),
    { name: "the tenant's token", text: await tenant.token() },
  ];
  const known = ['operator', 'processes', 'credentials', 'clouds.yaml', 'openrc'];
  return named.flatMap(({ name, text }) => {
    const all = typeof text === 'string' ? spellings(text) : [text, Buffer.from(text.toString('base64').slice(0, 40))];
    return all.map((bytes) => ({ name, home: known, bytes }));
  });
}
