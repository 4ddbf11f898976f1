import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { callUnary, type EnsureMemberResponse, type ExecutorServiceClient, type MemberSpec } from '@argosy/proto';
import test, { type ExecutionContext } from 'ava';
import { remove } from '../testing/calls.ts';
import {
  executor,
  executorSettings,
  folder,
  gatewayClient,
  guests,
  leftOvers,
  lifeline,
  microcloudSettings,
  spec,
  trust,
  until,
} from '../testing/region.ts';
import type { Server } from './cloud.ts';
import type { MicrocloudConfig } from './config.ts';

const MAIN = fileURLToPath(new URL('./main.js', import.meta.url));
const ENSURE_LIMIT_MS = 60_000;

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/** Microcloud as a process of its own; the answer is given when it serves. */
async function run(t: ExecutionContext, directory: string, config: MicrocloudConfig): Promise<ChildProcess> {
  const file = join(directory, 'microcloud.json');
  writeFileSync(file, JSON.stringify(config));
  const child = spawn(process.execPath, [MAIN, '--config', file], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  t.teardown(() => child.kill('SIGKILL'));
  await until(() => output.includes('"serving"'));
  return child;
}

async function killed(child: ChildProcess): Promise<void> {
  child.kill('SIGKILL');
  await until(() => child.signalCode !== null);
}

interface Setting {
  readonly directory: string;
  readonly config: MicrocloudConfig;
  readonly child: ChildProcess;
  readonly gateway: ExecutorServiceClient;
}

async function setting(t: ExecutionContext): Promise<Setting> {
  const directory = folder(t);
  const bind = { address: '127.0.0.1', keystonePort: await freePort(), heatPort: await freePort() };
  const config = microcloudSettings(directory, { bind, lifeline: await lifeline(t, directory) });
  const child = await run(t, directory, config);
  const authorities = await trust(directory);
  const started = await executor(t, executorSettings(authorities.files, `http://127.0.0.1:${bind.keystonePort}`));
  return { directory, config, child, gateway: await gatewayClient(t, started, authorities) };
}

function ensure(
  to: ExecutorServiceClient,
  memberId: string,
  changes: Partial<MemberSpec> = {},
): Promise<EnsureMemberResponse> {
  const deadline = new Date(Date.now() + ENSURE_LIMIT_MS);
  return callUnary(to.ensureMember.bind(to), { header: undefined, member: spec(memberId, changes) }, { deadline });
}

function servers(directory: string): Server[] {
  const path = join(directory, 'cloud/servers');
  const names = existsSync(path) ? readdirSync(path).filter((name) => name.endsWith('.json')) : [];
  return names.map((name) => JSON.parse(readFileSync(join(path, name), 'utf8')) as Server);
}

test('servers outlive a killed microcloud, are found again and can be removed', async (t) => {
  const { directory, config, child, gateway } = await setting(t);
  const made = await ensure(gateway, 'c1-1');
  const before = guests(directory);

  await killed(child);
  t.deepEqual(guests(directory), before);
  await run(t, directory, config);

  t.deepEqual(await ensure(gateway, 'c1-1'), made);
  t.deepEqual(guests(directory), before);
  t.is(servers(directory)[0]?.status, 'ACTIVE');
  t.true(await remove(gateway, 'c1-1'));
  t.deepEqual(leftOvers(directory), []);
  t.deepEqual(readdirSync(join(directory, 'volumes')), []);
});

test('a server that dies is off until the whole machine boots again', async (t) => {
  const { directory, config, child, gateway } = await setting(t);
  const made = await ensure(gateway, 'c1-1');
  const [first = 0] = guests(directory);
  process.kill(first, 'SIGKILL');
  await until(() => servers(directory)[0]?.status === 'SHUTOFF');

  await killed(child);
  const same = await run(t, directory, config);
  t.is(servers(directory)[0]?.status, 'SHUTOFF');
  t.deepEqual(guests(directory), []);
  await killed(same);
  await run(t, directory, { ...config, bootId: 'second' });
  t.is(servers(directory)[0]?.status, 'SHUTOFF');
  t.like(made.peer, { memberId: 'c1-1' });
});

test('servers that were active run again after a boot of the machine, with address and volume', async (t) => {
  const { directory, config, child, gateway } = await setting(t);
  const made = await ensure(gateway, 'c1-1');
  const [first = 0] = guests(directory);

  await killed(child);
  process.kill(first, 'SIGKILL');
  await until(() => guests(directory).length === 0);
  await run(t, directory, { ...config, bootId: 'second' });

  t.is(guests(directory).length, 1);
  t.not(guests(directory)[0], first);
  t.deepEqual(await ensure(gateway, 'c1-1'), made);
});

test('a create that microcloud was killed in is stuck, and the executor makes the member anew', async (t) => {
  const { directory, config, child, gateway } = await setting(t);
  const making = ensure(gateway, 'c1-1');
  await until(() => servers(directory).length > 0);

  await killed(child);
  await run(t, directory, config);
  const made = await making;

  t.is(made.peer?.memberId, 'c1-1');
  t.is(servers(directory).length, 1);
  t.is(guests(directory).length, 1);
  t.is(leftOvers(directory).length, 1);
});

test('an update that microcloud was killed in is stuck, and the executor has it done', async (t) => {
  const { directory, config, child, gateway } = await setting(t);
  const made = await ensure(gateway, 'c1-1');
  const changing = ensure(gateway, 'c1-1', { flavor: 'large', volumeGib: 2 });
  await until(() => servers(directory)[0]?.status === 'RESIZE');

  await killed(child);
  await run(t, directory, config);

  t.deepEqual(await changing, { ...made, flavor: 'large', volumeGib: 2 });
  t.like(servers(directory)[0], { flavor: 'm1.large', status: 'ACTIVE' });
  t.is(guests(directory).length, 1);
  t.is(leftOvers(directory).length, 1);
});

test('a delete that microcloud was killed in is stuck, and the executor has it done', async (t) => {
  const { directory, config, child, gateway } = await setting(t);
  await ensure(gateway, 'c1-1');
  const removing = remove(gateway, 'c1-1');
  const folder = join(directory, 'cloud/stacks');
  await until(() =>
    readdirSync(folder).some(
      (name) => name.endsWith('.json') && readFileSync(join(folder, name), 'utf8').includes('"DELETE"'),
    ),
  );

  await killed(child);
  await run(t, directory, config);

  t.true(await removing);
  t.deepEqual(servers(directory), []);
  t.deepEqual(leftOvers(directory), []);
});
