import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import test from 'ava';
import { type CloudSources, readCloudAccess } from './cloud-config.ts';
import { CommandError } from './errors.ts';
import { newTestFolder } from './folder-for-tests.ts';

interface World {
  readonly files?: Readonly<Record<string, string>>;
  readonly environment?: NodeJS.ProcessEnv;
  readonly cloud?: string;
  readonly hasHome?: boolean;
}

function sources({ files = {}, environment = {}, cloud, hasHome = false }: World): CloudSources {
  const root = newTestFolder();
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), content);
  }
  return {
    environment,
    workingDirectory: join(root, 'here'),
    userFolder: join(root, 'user'),
    systemFolder: join(root, 'system'),
    home: hasHome ? join(root, 'home') : undefined,
    cloud,
  };
}

function clouds(...entries: readonly (readonly [string, string])[]): string {
  const auth = (url: string) => ({ auth_url: url, username: 'u', password: 'p', project_name: 'x' });
  return JSON.stringify({ clouds: Object.fromEntries(entries.map(([name, url]) => [name, { auth: auth(url) }])) });
}

const local = { 'home/clouds.yaml': clouds(['demo', 'http://local'], ['admin', 'http://local']) };
const variables = { OS_AUTH_URL: 'http://variables', OS_USERNAME: 'me', OS_PASSWORD: 's', OS_PROJECT_NAME: 'x' };

test('the working folder comes before the user, and the user before the system', (t) => {
  const files = {
    'here/clouds.yaml': clouds(['a', 'http://here']),
    'user/.config/openstack/clouds.yaml': clouds(['a', 'http://user'], ['b', 'http://user']),
    'system/clouds.yaml': clouds(['b', 'http://system'], ['c', 'http://system']),
  };
  const urlOf = (cloud: string): string => readCloudAccess(sources({ files, cloud })).authUrl;

  t.deepEqual(['a', 'b', 'c'].map(urlOf), ['http://here', 'http://user', 'http://system']);
});

test('--os-cloud comes before OS_CLOUD, OS_CLOUD before the other variables, these before the local federation', (t) => {
  const files = { ...local, 'here/clouds.yaml': clouds(['a', 'http://a'], ['b', 'http://b']) };
  const environment = { ...variables, OS_CLOUD: 'b' };
  const read = (world: World): string => readCloudAccess(sources({ files, hasHome: true, ...world })).authUrl;

  t.is(read({ environment, cloud: 'a' }), 'http://a');
  t.is(read({ environment }), 'http://b');
  t.is(read({ environment: variables }), 'http://variables');
  t.is(read({}), 'http://local');
});

test("a named cloud may be the local federation's, and then its home is known", (t) => {
  const access = readCloudAccess(sources({ files: local, hasHome: true, cloud: 'admin' }));

  t.is(access.authUrl, 'http://local');
  t.regex(access.home ?? '', /home$/);
});

test('the only cloud of a file is taken when nothing else is set', (t) => {
  const one = { 'here/clouds.yaml': clouds(['a', 'http://a']) };
  const two = { 'here/clouds.yaml': clouds(['a', 'http://a'], ['b', 'http://b']) };

  t.is(readCloudAccess(sources({ files: one })).authUrl, 'http://a');
  t.throws(() => readCloudAccess(sources({ files: two })), { instanceOf: CommandError, message: /No cloud is named/ });
});

test('secure.yaml adds the password', (t) => {
  const files = {
    'here/clouds.yaml': JSON.stringify({ clouds: { a: { auth: { auth_url: 'http://a', username: 'u' } } } }),
    'here/secure.yaml': JSON.stringify({ clouds: { a: { auth: { password: 'hidden' } } } }),
  };

  const { identity } = readCloudAccess(sources({ files, cloud: 'a' }));

  t.like(identity, { method: 'password', password: 'hidden' });
});

test('domains, region, interface and authority are read from the variables', (t) => {
  const environment = {
    ...variables,
    OS_USER_DOMAIN_NAME: 'people',
    OS_PROJECT_DOMAIN_ID: 'd1',
    OS_REGION_NAME: 'r',
    OS_INTERFACE: 'internalURL',
    OS_CACERT: '/ca.pem',
  };

  t.like(readCloudAccess(sources({ environment })), {
    identity: { method: 'password', user: { name: 'me' }, domain: { name: 'people' } },
    scope: { name: 'x', domain: { id: 'd1' } },
    regionName: 'r',
    interface: 'internal',
    caFile: '/ca.pem',
  });
});

test('an application credential needs neither user nor project', (t) => {
  const environment = {
    OS_AUTH_URL: 'http://a',
    OS_APPLICATION_CREDENTIAL_ID: 'id',
    OS_APPLICATION_CREDENTIAL_SECRET: 'secret',
  };

  t.deepEqual(readCloudAccess(sources({ environment })).identity, {
    method: 'application_credential',
    id: 'id',
    secret: 'secret',
  });
});

test('an unknown cloud is refused with the files that were searched', (t) => {
  t.throws(() => readCloudAccess(sources({ cloud: 'nope' })), { message: /no cloud "nope" in .*here\/clouds\.yaml, / });
});

test('a password that looks like a number stays text', (t) => {
  const files = { 'here/clouds.yaml': 'clouds: {a: {auth: {auth_url: http://a, username: u, password: 12345}}}' };

  t.like(readCloudAccess(sources({ files, cloud: 'a' })).identity, { password: '12345' });
});
