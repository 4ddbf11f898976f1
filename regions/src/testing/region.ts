// A whole region for a test, on loopback addresses of its own: certificates, microcloud, executor, and guests without a
// database. Everything that it starts ends with the test.
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { threadId } from 'node:worker_threads';
import {
  channelCredentials,
  channelOptions,
  createRoot,
  createSigningRequest,
  ExecutorServiceClient,
  type Identity,
  issueLeaf,
  type KeyPair,
  MemberKind,
  type MemberSpec,
  pause,
  serverName,
  signIntermediate,
  systemClock,
} from '@argosy/proto';
import type { ExecutionContext } from 'ava';
import { pino } from 'pino';
import { type ExecutorConfig, executorConfig, readSecrets } from '../executor/config.ts';
import { type Executor, startExecutor } from '../executor/executor.ts';
import { isAlive } from '../guests/process-table.ts';
import type { Server } from '../microcloud/cloud.ts';
import { type MicrocloudConfig, microcloudConfig } from '../microcloud/config.ts';
import { type Microcloud, startMicrocloud } from '../microcloud/microcloud.ts';

export const FEDERATION = 'test';
export const REGION = 'north';
export const GUEST = fileURLToPath(new URL('./guest.js', import.meta.url));

const VALIDITY_DAYS = 1;
const log = pino({ level: process.env.ARGOSY_TEST_LOG ?? 'silent' });

/** A short folder that ends with the test. */
export function folder(t: ExecutionContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'ar-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

let networks = 0;

/** A network that no other test of this machine uses at this time. */
function network(): { name: string; cidr: string; firstHost: string } {
  networks += 1;
  // Each test file is a thread of one process, and has less than 64 of them. Other processes have pids near to ours.
  const number = (process.pid * 1_024 + threadId * 64 + networks) % (50 * 256);
  const prefix = `127.${150 + Math.floor(number / 256)}.${number % 256}`;
  return { name: 'members', cidr: `${prefix}.0/24`, firstHost: `${prefix}.10` };
}

export function microcloudSettings(directory: string, changes: Partial<MicrocloudConfig> = {}): MicrocloudConfig {
  return {
    region: REGION,
    bind: { address: '127.0.0.1', keystonePort: 0, heatPort: 0 },
    directory: join(directory, 'cloud'),
    volumesDirectory: join(directory, 'volumes'),
    runDirectory: join(directory, 'run'),
    bootId: 'first',
    serverCommand: [process.execPath, GUEST],
    zones: [{ name: 'north-a', capacity: 3 }, { name: 'north-b' }],
    flavors: [
      { name: 'm1.small', vcpus: 1, ram: 512, disk: 1 },
      { name: 'm1.large', vcpus: 2, ram: 1024, disk: 1 },
    ],
    faults: true,
    images: ['member'],
    networks: [network()],
    projects: [
      { id: 'a'.repeat(32), name: 'service' },
      { id: 'b'.repeat(32), name: 'demo' },
    ],
    users: [
      { name: 'argosy', password: 'secret', project: 'service', roles: ['admin', 'member'] },
      { name: 'demo', password: 'demo', project: 'demo', roles: ['member', 'reader'] },
    ],
    catalog: [{ type: 'database', name: 'argosy', url: 'http://127.0.0.1:8779/v2' }],
    ...changes,
  };
}

/** A lifeline for guests: when the test ends, or is killed, so do they. */
export async function lifeline(t: ExecutionContext, directory: string): Promise<string> {
  const path = join(directory, 'lifeline');
  const server = createServer();
  const held = new Set<Socket>();
  server.on('connection', (socket) => held.add(socket.on('error', () => {})));
  await new Promise<void>((resolve) => {
    server.listen(path, resolve);
  });
  t.teardown(async () => {
    for (const socket of held) socket.destroy();
    server.close();
    await until(() => leftOvers(directory).length === 0);
  });
  return path;
}

/** The pids that a test's microcloud has written down for its servers: all that a test may send a signal to. */
export function guests(directory: string): number[] {
  const folder = join(directory, 'cloud/servers');
  const names = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.json')) : [];
  return names.flatMap((name) => {
    const { process } = JSON.parse(readFileSync(join(folder, name), 'utf8')) as Server;
    return process !== null && isAlive(process) ? [process.pid] : [];
  });
}

/** Every process, known to microcloud or not, that was started in this test's run folder. For counting only. */
export function leftOvers(directory: string): number[] {
  const mark = `ARGOSY_RUN_DIRECTORY=${join(directory, 'run')}/`;
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      const environment = readFileSync(`/proc/${name}/environ`, 'latin1').split('\0');
      return environment.some((entry) => entry.startsWith(mark)) ? [Number(name)] : [];
    } catch {
      return [];
    }
  });
}

/** Waits for a state, within a bound. */
export async function until(isSo: () => boolean | Promise<boolean>, limitMs = 25_000): Promise<void> {
  const end = performance.now() + limitMs;
  while (!(await isSo())) {
    if (performance.now() > end) throw new Error(`Not so within ${limitMs} ms: ${isSo}`);
    await pause(systemClock, 20);
  }
}

/** Tells a microcloud what is wrong with it; what is not named is well. */
export async function faults(cloud: Microcloud, state: Readonly<Record<string, unknown>>): Promise<void> {
  const answer = await fetch(`${cloud.heatUrl}/faults`, { method: 'PUT', body: JSON.stringify(state) });
  if (answer.status !== 200) throw new Error(await answer.text());
}

/** Signs in; the answer is a token of the project. */
export async function signIn(keystoneUrl: string, user: string, password: string, project: string): Promise<string> {
  const domain = { id: 'default' };
  const auth = {
    identity: { methods: ['password'], password: { user: { name: user, domain, password } } },
    scope: { project: { name: project, domain } },
  };
  const answer = await fetch(`${keystoneUrl}/v3/auth/tokens`, { method: 'POST', body: JSON.stringify({ auth }) });
  return answer.headers.get('x-subject-token') ?? '';
}

export async function microcloud(t: ExecutionContext, config: MicrocloudConfig): Promise<Microcloud> {
  const path = process.env.PATH ?? '/usr/bin:/bin';
  const { bind, ...settings } = microcloudConfig.parse(config);
  if (!('keystonePort' in bind)) throw new Error('These tests play Keystone and Heat as well.');
  const started = await startMicrocloud({ ...settings, bind }, { clock: systemClock, log, path });
  t.teardown(() => started.close());
  return started;
}

/** A federation's authorities, and files of them for one executor. */
export interface Trust {
  readonly root: KeyPair;
  readonly intermediate: KeyPair;
  readonly files: Pick<
    ExecutorConfig,
    'certificateFile' | 'keyFile' | 'rootFile' | 'intermediateCertificateFile' | 'intermediateKeyFile' | 'regionKeyFile'
  >;
}

export async function trust(directory: string): Promise<Trust> {
  const now = new Date();
  const root = await createRoot(FEDERATION, now);
  const { request, key } = await createSigningRequest(REGION);
  const certificate = await signIntermediate(root, { request, federation: FEDERATION, region: REGION, now });
  const intermediate = { certificate, key };
  const identity = { kind: 'executor', federation: FEDERATION, region: REGION } as const;
  const own = await issueLeaf(intermediate, { identity, validity: { now, days: VALIDITY_DAYS } });
  mkdirSync(directory, { recursive: true });
  const write = (name: string, text: string): string => {
    writeFileSync(join(directory, name), text, { mode: 0o600 });
    return join(directory, name);
  };
  return {
    root,
    intermediate,
    files: {
      certificateFile: write('executor.pem', own.certificate),
      keyFile: write('executor.key', own.key),
      rootFile: write('root.pem', root.certificate),
      intermediateCertificateFile: write('region.pem', certificate),
      intermediateKeyFile: write('region.key', key),
      regionKeyFile: write('region.secret', 'a secret of the region'),
    },
  };
}

export function executorSettings(files: Trust['files'], authUrl: string): ExecutorConfig {
  return {
    ...files,
    federation: FEDERATION,
    region: REGION,
    provider: 'test',
    jurisdiction: 'EU',
    grpc: { address: '127.0.0.1', port: 0 },
    admin: { address: '127.0.0.1', port: 0 },
    openstack: { authUrl, region: REGION, username: 'argosy', password: 'secret', projectName: 'service' },
    image: 'member',
    network: 'members',
    zones: [
      { name: 'north-a', capacity: 4 },
      { name: 'north-b', capacity: 1 },
    ],
    flavors: [
      { name: 'small', openstackFlavor: 'm1.small', vcpus: 1, memoryMib: 512 },
      { name: 'large', openstackFlavor: 'm1.large', vcpus: 2, memoryMib: 1024, costMilli: 40 },
    ],
    stuckAfterSeconds: 1,
    stackPollMs: 100,
  };
}

export async function executor(t: ExecutionContext, config: ExecutorConfig): Promise<Executor> {
  const settings = executorConfig.parse(config);
  const started = await startExecutor(settings, readSecrets(settings), { clock: systemClock, log });
  t.teardown(() => started.close());
  return started;
}

/** A client with a certificate for this identity, of this authority. */
export async function client(
  t: ExecutionContext,
  port: number,
  options: { authority: KeyPair; root: string; identity: Identity },
): Promise<ExecutorServiceClient> {
  const validity = { now: new Date(), days: VALIDITY_DAYS };
  const own = await issueLeaf(options.authority, { identity: options.identity, validity });
  const name = serverName({ kind: 'executor', federation: FEDERATION, region: REGION });
  const credentials = channelCredentials({ ...own, root: options.root });
  const opened = new ExecutorServiceClient(`127.0.0.1:${port}`, credentials, channelOptions(name));
  t.teardown(() => opened.close());
  return opened;
}

export const GATEWAY: Identity = { kind: 'gateway', federation: FEDERATION, peer: 'peer-1' };

export function spec(memberId: string, changes: Partial<MemberSpec> = {}): MemberSpec {
  return {
    clusterId: memberId.replace(/-\d+$/, ''),
    memberId,
    kind: MemberKind.VOTER,
    zone: 'north-a',
    flavor: 'small',
    volumeGib: 1,
    datastore: 'postgresql',
    version: '15',
    ...{ apart: false, door: false, engineRuled: false },
    ...changes,
  };
}

export interface WholeRegion {
  readonly directory: string;
  readonly cloud: Microcloud;
  readonly cloudConfig: MicrocloudConfig;
  readonly authorities: Trust;
  readonly executorConfig: ExecutorConfig;
  readonly executor: Executor;
  readonly gateway: ExecutorServiceClient;
  /** A token of the executor's own user. */
  token(): Promise<string>;
}

/** A region that is up, and a gateway peer's client of its executor. */
export async function wholeRegion(
  t: ExecutionContext,
  changes: { readonly cloud?: Partial<MicrocloudConfig>; readonly executor?: Partial<ExecutorConfig> } = {},
): Promise<WholeRegion> {
  const directory = folder(t);
  const cloudConfig = microcloudSettings(directory, { lifeline: await lifeline(t, directory), ...changes.cloud });
  const cloud = await microcloud(t, cloudConfig);
  const authorities = await trust(directory);
  const config = { ...executorSettings(authorities.files, cloud.keystoneUrl), ...changes.executor };
  const started = await executor(t, config);
  const gateway = await gatewayClient(t, started, authorities);
  const token = (): Promise<string> => signIn(cloud.keystoneUrl, 'argosy', 'secret', 'service');
  return { directory, cloud, cloudConfig, authorities, executorConfig: config, executor: started, gateway, token };
}

export function gatewayClient(t: ExecutionContext, to: Executor, authorities: Trust): Promise<ExecutorServiceClient> {
  const { root } = authorities;
  return client(t, to.grpcPort, { authority: root, root: root.certificate, identity: GATEWAY });
}
