// Parameters, users and databases as a tenant has them: by the command line, on a cluster over three regions that takes
// writes all the while.
import { readFileSync } from 'node:fs';
import test, { type ExecutionContext } from 'ava';
import { Client } from 'pg';
import { clusterOf, whole } from '../continuity/clusters.ts';
import { Writer } from '../continuity/writer.ts';
import { FederationUnderTest } from '../crash-matrix/local-federation.ts';
import { type ClusterView, type Credentials, Tenant } from '../crash-matrix/tenant.ts';
import { readFederation } from '../crash-matrix/victims.ts';
import { waitUntil } from '../crash-matrix/waiting.ts';
import { argosy, type Said } from '../regions/command-line.ts';

const TEST_LIMIT_MS = 400_000;
const WHOLE_LIMIT_MS = 60_000;
const WRITES_BEFORE = 20;

interface Shown extends ClusterView {
  readonly parameters: Readonly<Record<string, string>>;
}

interface Scene {
  readonly t: ExecutionContext;
  readonly home: string;
  readonly tenant: Tenant;
  readonly writer: Writer;
}

test('a tenant changes parameters, users and databases, and no acknowledged write is lost', async (t) => {
  t.timeout(TEST_LIMIT_MS);
  const federation = await FederationUnderTest.start();
  t.teardown(() => federation.stop(!t.passed));
  const { home } = federation;
  const tenant = new Tenant(home);
  const accepted = await tenant.change('POST', '/v2/clusters/demo/credentials', {});
  await whole(tenant, 'demo');
  const uri = (await demo(tenant)).endpoints.read_write ?? '';
  const writer = new Writer(home, uri, accepted?.credentials as Credentials);
  t.teardown(() => writer.end());
  const scene = { t, home, tenant, writer };

  await parametersChange(scene);
  await whatDoesNotStartIsTakenBack(scene);
  await accountsAreMade(scene);

  const missing = await writer.missing();
  t.deepEqual(missing, []);
  t.log(`${writer.acknowledged.length} acknowledged writes, ${missing.length} lost`);
});

async function parametersChange(scene: Scene): Promise<void> {
  const { t, tenant } = scene;
  const before = await demo(tenant);
  await beside(scene, 'live', 'parameter', 'set', 'demo', 'work_mem=16MB', '--wait');
  t.is((await demo(tenant)).epoch, before.epoch);

  await beside(scene, 'with a restart', 'parameter', 'set', 'demo', 'max_connections=150', '--wait');
  const after = await demo(tenant);
  t.deepEqual(after.parameters, { max_connections: '150', work_mem: '16MB' });
  t.is(after.epoch, before.epoch + 1, 'the primary handed over');

  await beside(scene, 'less, the primary first', 'parameter', 'unset', 'demo', 'max_connections', '--wait');
  const less = await demo(tenant);
  t.deepEqual(less.parameters, { work_mem: '16MB' });
  t.is(less.epoch, after.epoch, 'the primary restarted in place');
}

async function whatDoesNotStartIsTakenBack(scene: Scene): Promise<void> {
  const { t, tenant, home } = scene;
  const before = await demo(tenant);

  const refused = await beside(scene, 'does not start', 'parameter', 'set', 'demo', 'huge_pages=on', '--wait');

  t.is(refused.code, 1);
  t.regex(refused.error, /does not start with these parameters/);
  await whole(tenant, 'demo');
  const after = await demo(tenant);
  t.deepEqual(after.parameters, before.parameters);
  t.is(after.epoch, before.epoch);
  t.regex((await argosy(home, 'demo', 'parameter', 'set', 'demo', 'fsync=off')).error, /no acknowledged write is lost/);
  t.regex((await argosy(home, 'demo', 'parameter', 'set', 'demo', 'work_men=1MB')).error, /Did you mean "work_mem"/);
}

async function accountsAreMade(scene: Scene): Promise<void> {
  const { t, tenant, home } = scene;
  await beside(scene, 'database', 'database', 'create', 'demo', 'shop', '--wait');
  await beside(scene, 'user', 'user', 'create', 'demo', 'app', '--grant', 'shop=all', '--wait');
  const { out } = await argosy(home, 'demo', 'cluster', 'uri', 'demo', '--user', 'app', '--database', 'shop');
  const { username: user, password, pathname } = new URL(out.trim().replace(/@[^/]+\//, '@host/'));
  t.is(pathname, '/shop');
  const asApp = async (statement: string): Promise<unknown[]> => {
    const host = (await demo(tenant)).members.find(({ role }) => role === 'primary')?.address ?? '';
    const client = new Client({
      ...{ host, port: 5432, user, password: decodeURIComponent(password), database: 'shop' },
      ssl: { ca: readFileSync(readFederation(home).ca, 'utf8') },
    });
    await client.connect();
    return (await client.query(statement).finally(() => client.end())).rows;
  };

  await asApp('create table items (name text)');
  t.deepEqual(await asApp('select count(*)::int as n from items'), [{ n: 0 }]);
  await beside(scene, 'user gone', 'user', 'delete', 'demo', 'app', '--wait');
  await t.throwsAsync(asApp('select 1'), { message: /password authentication failed/ });
  await beside(scene, 'database gone', 'database', 'delete', 'demo', 'shop', '--wait');
}

/** A command while writes are acknowledged before, during and after. */
async function beside({ t, home, writer }: Scene, what: string, ...words: readonly string[]): Promise<Said> {
  const writes = async (): Promise<void> => {
    const begin = writer.acknowledged.length;
    await waitUntil(
      'writes are acknowledged',
      WHOLE_LIMIT_MS,
      () => writer.acknowledged.length > begin + WRITES_BEFORE,
    );
  };
  await writes();
  const begin = performance.now();
  const said = await argosy(home, 'demo', ...words);
  const tookMs = Math.round(performance.now() - begin);
  await writes();
  t.log(`${what}: ${tookMs} ms, longest pause of the writer ${writer.longestPauseMs(begin)} ms`);
  if (said.code !== 0) t.log(said.error.trim());
  return said;
}

async function demo(tenant: Tenant): Promise<Shown> {
  return (await clusterOf(tenant, 'demo')) as Shown;
}
