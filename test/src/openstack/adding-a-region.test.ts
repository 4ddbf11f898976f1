// The guide for operators, taken at its word: a federation that runs, an OpenStack of its own beside it, and every command
// of the guide in its order, with the stock client, until the region has joined, holds a member, and has left again.
import { chmodSync, cpSync, mkdirSync, mkdtempSync, openSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { executorConfig } from '@argosy/regions';
import test, { type ExecutionContext } from 'ava';
import { FederationUnderTest } from '../crash-matrix/local-federation.ts';
import { waitUntil } from '../crash-matrix/waiting.ts';
import { argosy } from '../regions/command-line.ts';
import { FourthBlock, NAME } from '../regions/fourth-block.ts';
import { Guide } from './guide.ts';
import { type SeparateRegion, startSeparateRegion } from './separate-region.ts';

const DOCUMENT = 'docs/guides/adding-a-region.md';
const LIMIT_MS = 420_000;
const HEARD_LIMIT_MS = 60_000;
const ZONES = ['az1', 'az2'];
const root = fileURLToPath(new URL('../../..', import.meta.url));

interface RegionView {
  readonly name: string;
  readonly status: string;
  readonly members: number;
  readonly zones: readonly object[];
  readonly flavors: readonly { readonly name: string }[];
  readonly ways: readonly { readonly region: string; readonly reachable: boolean }[];
}

test('every block of the guide is a configuration or commands that a test runs', (t) => {
  const guide = new Guide({ document: DOCUMENT, meant: [['"F"', '"local"']], directory: root, environment: {} });
  const configurations = guide.left.filter(({ language }) => language === 'json');

  t.is(configurations.length, 1);
  for (const { text } of configurations) t.notThrows(() => executorConfig.parse(JSON.parse(text)));
  t.deepEqual(
    guide.left.filter(({ language }) => language !== 'json' && language !== 'sh'),
    [],
  );
});

if (process.env.ARGOSY_REGION_TARGETS?.split(',').includes('guide')) {
  test('the commands of the guide bring a separate OpenStack into a running federation, and out again', async (t) => {
    t.timeout(LIMIT_MS);
    const federation = await FederationUnderTest.start();
    t.teardown(() => federation.stop(!t.passed));
    const region = await startSeparateRegion(federation.home, ZONES);
    t.teardown(() => region.close());
    const guide = openGuide(t, federation.home, region);
    await follow(t, { guide, region, home: federation.home });
    t.deepEqual(guide.left, []);
  });
}

interface World {
  readonly guide: Guide & { readonly directory: string };
  readonly region: SeparateRegion;
  readonly home: string;
}

async function follow(t: ExecutionContext, { guide, region, home }: World): Promise<void> {
  // 1. A project, a user, quotas; and the user sees an empty list of stacks.
  await guide.run();
  await guide.run();
  t.regex((await guide.run()).out, /instances +\| 44 /);

  // 2. What is there.
  const there = (await guide.run()).out;
  for (const name of ['argosy', 'm1.small', ...ZONES]) t.true(there.includes(name), `${name} is listed`);

  // 3. Keys and the signature.
  await guide.run();
  cpSync(join(guide.directory, 'east/intermediate.csr'), join(guide.directory, 'intermediate.csr'));
  await guide.run();
  t.regex((await guide.run()).out, /Region east belongs to the federation/);

  // 4. The executor.
  writeFileSync(join(guide.directory, 'east/executor.json'), guide.data(), { mode: 0o600 });
  const executor = guide.start(openSync(join(home, 'logs', `executor-${NAME}.log`), 'a'));
  t.teardown(() => executor.kill('SIGTERM'));
  await waitUntil('the executor lives', HEARD_LIMIT_MS, async () => {
    const answer = await fetch(`http://${region.at(3)}:8793/healthz`).catch(() => undefined);
    return answer?.ok === true;
  });
  t.regex((await guide.run()).out, /"findings":\[\]/);

  // 5. Join.
  t.regex((await guide.run()).out, /Region east joins/);
  await waitUntil('the region is heard, and its ways are measured', HEARD_LIMIT_MS, async () => {
    const { status, ways } = await shown(home);
    return status === 'UP' && ways.length === 3 && ways.every(({ reachable }) => reachable);
  });
  const { zones, flavors } = await shown(home);
  t.deepEqual(
    zones,
    ZONES.map((name) => ({ name, free_members: 20 })),
  );
  t.deepEqual(
    flavors.map(({ name }) => name),
    ['small'],
  );

  // 6. A member there, and what Heat has made of it.
  t.regex((await guide.run()).out, /east\/az[12] +\| UP/);
  const made = (await guide.run()).out;
  for (const type of [
    'OS::Nova::Server',
    'OS::Neutron::Port',
    'OS::Neutron::SecurityGroup',
    'Argosy::Member::Volume',
  ]) {
    t.regex(made, new RegExp(`${type} +\\| CREATE_COMPLETE`));
  }
  t.is((await shown(home)).members, 1);

  // And out again.
  t.is((await argosy(home, 'admin', 'region', 'remove', NAME)).code, 1);
  t.regex((await guide.run()).out, /Region east has left/);
  executor.kill('SIGTERM');
  await guide.run();
}

async function shown(home: string): Promise<RegionView> {
  const { out, error } = await argosy(home, 'admin', 'region', 'show', NAME, '--json');
  if (out === '') throw new Error(error);
  return (JSON.parse(out) as { region: RegionView }).region;
}

/** The operator's two hosts in one folder: the executor's, and the one with the key of the root. */
function openGuide(t: ExecutionContext, home: string, region: SeparateRegion): World['guide'] {
  const directory = mkdtempSync(join(tmpdir(), 'argosy-guide-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  const bin = join(directory, 'bin');
  mkdirSync(bin);
  const program = (name: string, command: string): void => {
    writeFileSync(join(bin, name), `#!/bin/sh\nexec ${command} "$@"\n`);
    chmodSync(join(bin, name), 0o755);
  };
  const path = `${bin}:${dirname(process.execPath)}:/usr/bin:/bin`;
  // The federation's administrator is somebody else than the region's.
  program('argosy', `env -i PATH='${path}' ARGOSY_HOME='${home}' OS_CLOUD=admin node '${root}gateway/bin/argosy.js'`);
  // Debian's own Python, for its packages are for no other.
  program('openstack', '/usr/bin/python3 -W ignore /usr/bin/openstack');
  symlinkSync(join(root, 'regions'), join(directory, 'regions'));
  symlinkSync(join(home, 'ca.pem'), join(directory, 'ca.pem'));
  symlinkSync(join(home, 'operator', 'root.key'), join(directory, 'root.key'));
  const { federation } = new FourthBlock(home).modelOf('executor') as { federation: string };
  const guide = new Guide({
    document: DOCUMENT,
    directory,
    environment: { PATH: path, HOME: directory, ...region.administrator },
    meant: [
      ['/etc/argosy', directory],
      ['--federation F', `--federation ${federation}`],
      ['"federation": "F"', `"federation": "${federation}", "measureEverySeconds": 1`],
      ['https://keystone.east.example', region.keystoneUrl],
      ['0.0.0.0', region.at(3)],
      ['127.0.0.1', region.at(3)],
      ['10.4.0.3', region.at(3)],
      ['10.0.0.0/8', '127.0.0.0/8'],
    ],
  });
  return Object.assign(guide, { directory });
}
