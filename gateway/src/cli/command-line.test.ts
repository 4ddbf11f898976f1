import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '@argosy/proto';
import test from 'ava';
import { FakeCloud } from './fake-cloud.ts';
import { newTestFolder } from './folder-for-tests.ts';
import { runCommandLine } from './program.ts';
import { openTerminal } from './terminal.ts';

interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly error: string;
  readonly userFolder: string;
}

async function argosy(words: string, environment: NodeJS.ProcessEnv, userFolder = newFolder()): Promise<Outcome> {
  let out = '';
  let error = '';
  const terminal = openTerminal(
    { write: (text: string) => (out += text) },
    { write: (text: string) => (error += text) },
  );
  const code = await runCommandLine(words.split(' '), {
    // A home without anything in it: the machine's own federation must not be met.
    environment: { ARGOSY_HOME: userFolder, ...environment },
    workingDirectory: userFolder,
    userFolder,
    systemFolder: userFolder,
    terminal,
    clock: systemClock,
  });
  return { code, out, error, userFolder };
}

function newFolder(): string {
  return newTestFolder();
}

async function openCloud(t: { teardown: (end: () => void) => void }): Promise<FakeCloud> {
  const cloud = await FakeCloud.open();
  t.teardown(() => cloud.close());
  return cloud;
}

test('create keeps the password in a file that only its owner reads, and uri makes a whole URI of it', async (t) => {
  const cloud = await openCloud(t);
  const environment = { ...cloud.environment, ARGOSY_CA: '/ca.pem' };

  const created = await argosy('cluster create orders --datastore postgresql --voters 3', environment);
  const uri = await argosy('cluster uri orders', environment, created.userFolder);

  t.is(created.code, 0);
  t.deepEqual(cloud.lastBody, {
    cluster: { name: 'orders', datastore: { type: 'postgresql' }, topology: { voters: 3 } },
  });
  const folder = join(created.userFolder, '.config/argosy/credentials');
  const [file = ''] = readdirSync(folder);
  t.is(statSync(join(folder, file)).mode & 0o777, 0o600);
  t.regex(readFileSync(join(folder, file), 'utf8'), /s3cret/);
  t.is(
    uri.out,
    'postgresql://admin:s3cret@127.1.0.10:5432/admin?target_session_attrs=read-write&sslmode=verify-full&sslrootcert=/ca.pem\n',
  );
});

test('--wait tells each change of a step, and ends with the cluster', async (t) => {
  const cloud = await openCloud(t);

  const { code, out } = await argosy('cluster create orders --datastore postgresql --wait', cloud.environment);

  t.is(code, 0);
  t.regex(out, /ensure_member orders-1 north … running\nensure_member orders-1 north … done 1\.2 s\n/);
  t.regex(out, /\| orders-1 \| primary/);
});

test('--wait goes on with the failover that took the place of a change', async (t) => {
  const cloud = await openCloud(t);
  cloud.outcome = 'CANCELLED';

  const { code, out } = await argosy('cluster create orders --datastore postgresql --wait', cloud.environment);

  t.is(code, 0);
  t.regex(out, /The primary was lost meanwhile; operation operation-2 goes on with it\./);
});

test('--wait --json writes one JSON document, with the password', async (t) => {
  const cloud = await openCloud(t);

  const { out } = await argosy('cluster create orders --datastore postgresql --wait --json', cloud.environment);

  const answer = JSON.parse(out) as Record<string, Record<string, unknown>>;
  t.is(answer.operation?.status, 'DONE');
  t.is(answer.cluster?.status, 'ACTIVE');
  t.is(answer.credentials?.password, 's3cret');
});

test('an operation that fails ends with exit code 1 and the reason', async (t) => {
  const cloud = await openCloud(t);
  cloud.outcome = 'FAILED';

  const { code, error } = await argosy('cluster create orders --datastore postgresql --wait', cloud.environment);

  t.is(code, 1);
  t.is(error, 'argosy: Operation operation-1 ended FAILED: no room\n');
});

test('waiting has a bound', async (t) => {
  const cloud = await openCloud(t);
  cloud.outcome = 'RUNNING';

  const { code, error } = await argosy('operation wait operation-1 --timeout 0.1', cloud.environment);

  t.is(code, 1);
  t.regex(error, /has not ended within 0\.1 s; it goes on/);
});

test("a refusal is told in the gateway's words, with title and request", async (t) => {
  const cloud = await openCloud(t);

  const { code, error } = await argosy('cluster show nothing', cloud.environment);

  t.is(code, 1);
  t.is(error, 'argosy: There is no cluster "nothing". (cluster.not_found, request req-1)\n');
});

test('a wrong password is told as Keystone says it', async (t) => {
  const cloud = await openCloud(t);

  const { code, error } = await argosy('cluster list', { ...cloud.environment, OS_PASSWORD: 'wrong' });

  t.is(code, 1);
  t.regex(error, /lets user demo not in: The request you have made requires authentication/);
});

test('uri without a password says how to get one', async (t) => {
  const cloud = await openCloud(t);

  const { code, error } = await argosy('cluster uri orders', cloud.environment);

  t.is(code, 1);
  t.regex(error, /"argosy cluster credentials orders" makes a new one/);
});

test('ARGOSY_URL comes before the catalog', async (t) => {
  const cloud = await openCloud(t);

  const { code, error } = await argosy('cluster list', { ...cloud.environment, ARGOSY_URL: cloud.nowhere });

  t.is(code, 1);
  t.is(error, `argosy: ${new URL(cloud.nowhere).host} cannot be reached (ECONNREFUSED).\n`);
});

test('the next Keystone and the next peer are tried when the first are gone', async (t) => {
  const cloud = await openCloud(t);
  const home = cloud.writeHome(newFolder());

  const { code, out } = await argosy('cluster list --json', { ARGOSY_HOME: home });

  t.is(code, 0);
  t.is((JSON.parse(out) as { clusters: { name: string }[] }).clusters[0]?.name, 'orders');
});

test('a gateway without a leader is asked again', async (t) => {
  const cloud = await openCloud(t);
  cloud.unavailable = 1;

  const { code } = await argosy('region list', cloud.environment);

  t.is(code, 0);
});

for (const words of [
  'nonsense',
  'cluster',
  'cluster create orders',
  'cluster list --bogus',
  'cluster create orders --datastore postgresql --voters three',
  'cluster grow',
]) {
  test(`"argosy ${words}" is wrong usage`, async (t) => {
    t.is((await argosy(words, {})).code, 2);
  });
}

for (const words of ['backup list', 'backup create orders']) {
  test(`"argosy ${words}" is not there yet`, async (t) => {
    const { code, error } = await argosy(words, {});

    t.is(code, 2);
    t.regex(error, /^argosy: .* is not there yet\.\n$/);
  });
}

test('--version says the version, and is no error', async (t) => {
  const { code, out } = await argosy('--version', {});

  t.is(code, 0);
  t.regex(out, /^\d+\.\d+\.\d+\n$/);
});

test('help names what is there, and nothing else', async (t) => {
  const { code, out } = await argosy('cluster --help', {});

  t.is(code, 0);
  t.regex(out, /create/);
  t.regex(out, /switchover/);
  t.notRegex(out, /backup/);
});
