// An executor as a process of its own before a target, asked as a gateway peer asks it.
import { spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  type CommandHeader,
  callUnary,
  channelCredentials,
  channelOptions,
  createRoot,
  createSigningRequest,
  type EnsureMemberResponse,
  ExecutorServiceClient,
  type Identity,
  issueLeaf,
  type KeyPair,
  MemberKind,
  type MemberSpec,
  serverName,
  signIntermediate,
} from '@argosy/proto';
import type { ExecutorConfig } from '@argosy/regions';
import type { ServiceError } from '@grpc/grpc-js';
import { waitUntil } from '../crash-matrix/waiting.ts';
import { freePorts } from '../free-ports.ts';
import { type Answer, call } from './region-client.ts';
import { ADDRESS, IMAGE, REGION, ZONES } from './region-under-test.ts';
import type { Target } from './targets.ts';

export const FEDERATION = 'test';
const EXECUTOR = fileURLToPath(new URL('../../../regions/dist/executor/main.js', import.meta.url));
const RECORDER = new URL('./record-connections.js', import.meta.url).href;
const START_LIMIT_MS = 60_000;
/** A create alone may take a busy Heat half a minute. */
export const REQUEST_LIMIT_MS = 60_000;
const CALL_LIMIT_MS = 200_000;
const VALIDITY_DAYS = 1;
const ZONE_CAPACITY = 8;

export interface ExecutorProcess {
  ensure(member: MemberSpec): Promise<EnsureMemberResponse>;
  remove(memberId: string): Promise<boolean>;
  /** Where it has connected to, each once: `address:port`. */
  connections(): readonly string[];
  /** Asks the admin API as this token's owner. */
  admin(token: string, path: string, body?: object): Promise<Answer['body']>;
  /** A number of `/metrics`. */
  metric(name: string): Promise<number>;
  stop(): Promise<void>;
}

/** The service user's own password, which is the usual way. */
export function passwordAccount(target: Pick<Target, 'keystoneUrl'>) {
  const authUrl = `${target.keystoneUrl}/v3`;
  const user = { username: 'argosy', password: 'secret', projectName: 'service' };
  return { authUrl, region: REGION, ...user, requestTimeoutMs: REQUEST_LIMIT_MS };
}

export async function startExecutor(
  target: Pick<Target, 'keystoneUrl'>,
  changes: Partial<ExecutorConfig> & { readonly region?: string } = {},
): Promise<ExecutorProcess> {
  const directory = mkdtempSync(join(tmpdir(), 'argosy-executor-'));
  const grpc = await freePorts(2);
  const region = changes.region ?? REGION;
  const { files, authority, root } = await trust(directory, region);
  const config: ExecutorConfig = {
    ...files,
    ...{ federation: FEDERATION, region, provider: 'test', jurisdiction: 'EU' },
    grpc: { address: ADDRESS, port: grpc },
    admin: { address: ADDRESS, port: grpc + 1 },
    openstack: passwordAccount(target),
    image: IMAGE,
    network: 'members',
    zones: ZONES.map(({ name }) => ({ name, capacity: ZONE_CAPACITY })),
    flavors: [
      { name: 'small', openstackFlavor: 'm1.small', vcpus: 1, memoryMib: 512 },
      { name: 'large', openstackFlavor: 'm1.large', vcpus: 2, memoryMib: 1024 },
    ],
    ...changes,
  };
  const [file, logFile, notes] = ['executor.json', 'executor.log', 'connections'].map((name) => join(directory, name));
  writeFileSync(file ?? '', JSON.stringify(config), { mode: 0o600 });
  writeFileSync(notes ?? '', '');
  const log = openSync(logFile ?? '', 'a', 0o600);
  const child = spawn(process.execPath, [EXECUTOR, '--config', file ?? ''], {
    env: { PATH: process.env.PATH, NODE_OPTIONS: `--import=${RECORDER}`, ARGOSY_CONNECTIONS_FILE: notes },
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
  });
  const gateway: Identity = { kind: 'gateway', federation: FEDERATION, peer: 'peer-1' };
  const own = await issueLeaf(authority, { identity: gateway, validity: { now: new Date(), days: VALIDITY_DAYS } });
  const name = serverName({ kind: 'executor', federation: FEDERATION, region });
  const credentials = channelCredentials({ ...own, root });
  const client = new ExecutorServiceClient(`${ADDRESS}:${grpc}`, credentials, channelOptions(name));
  const stop = async (): Promise<void> => {
    client.close();
    child.kill('SIGTERM');
    await ended;
    rmSync(directory, { recursive: true, force: true });
  };
  const admin = `http://${ADDRESS}:${grpc + 1}`;
  const explain = (): string => readFileSync(logFile ?? '', 'utf8');
  await waitUntil(
    'the executor serves',
    START_LIMIT_MS,
    async () => (await fetch(`${admin}/healthz`).catch(() => undefined))?.ok === true,
    explain,
  );
  return {
    ensure: (member) => callUnary(client.ensureMember.bind(client), { header: undefined, member }, deadline()),
    remove: async (memberId) =>
      (await callUnary(client.removeMember.bind(client), { header: header(memberId) }, deadline())).existed,
    connections: () => [...new Set(readFileSync(notes ?? '', 'utf8').split('\n'))].filter((line) => line !== ''),
    admin: async (token, path, body) =>
      (await call(`${admin}/v1${path}`, { token, ...(body === undefined ? {} : { method: 'POST', body }) })).body,
    metric: async (wanted) => {
      const lines = (await (await fetch(`${admin}/metrics`)).text()).split('\n');
      const line = lines.find((text) => text.startsWith(`${wanted} `) || text.startsWith(`${wanted}{} `));
      return Number(line?.split(' ').at(-1) ?? Number.NaN);
    },
    stop,
  };
}

export function memberSpec(memberId: string, changes: Partial<MemberSpec> = {}): MemberSpec {
  return {
    ...{ clusterId: memberId.replace(/-\d+$/, ''), memberId, kind: MemberKind.VOTER, zone: ZONES[0]?.name ?? '' },
    ...{ flavor: 'small', volumeGib: 1, datastore: 'postgresql', version: '15' },
    ...{ apart: false, door: false, engineRuled: false },
    ...changes,
  };
}

/** The code and the words of a refusal. */
export async function refusalOf(call: Promise<unknown>): Promise<{ readonly code: number; readonly details: string }> {
  try {
    await call;
  } catch (error) {
    const { code, details } = error as ServiceError;
    return { code, details };
  }
  throw new Error('The call was not refused.');
}

function deadline(): { readonly deadline: Date } {
  return { deadline: new Date(Date.now() + CALL_LIMIT_MS) };
}

function header(memberId: string): CommandHeader {
  const clusterId = memberId.replace(/-\d+$/, '');
  return { clusterId, memberId, epoch: 0, generation: 0, specRevision: 0, term: 0, idempotencyKey: '', requestId: '' };
}

interface Authorities {
  readonly federation: KeyPair;
  readonly region: KeyPair;
}

/** All executors of a region have the same, or they would not know each other's members. */
const known = new Map<string, Promise<Authorities>>();

async function found(region: string): Promise<Authorities> {
  const now = new Date();
  const federation = await createRoot(FEDERATION, now);
  const { request, key } = await createSigningRequest(region);
  const certificate = await signIntermediate(federation, { request, federation: FEDERATION, region, now });
  return { federation, region: { certificate, key } };
}

/** The federation's authority, and files for one executor. */
async function trust(directory: string, region: string) {
  const founding = known.get(region) ?? found(region);
  known.set(region, founding);
  const authorities = await founding;
  const identity = { kind: 'executor', federation: FEDERATION, region } as const;
  const own = await issueLeaf(authorities.region, { identity, validity: { now: new Date(), days: VALIDITY_DAYS } });
  const write = (name: string, text: string): string => {
    writeFileSync(join(directory, name), text, { mode: 0o600 });
    return join(directory, name);
  };
  return {
    authority: authorities.federation,
    root: authorities.federation.certificate,
    files: {
      certificateFile: write('executor.pem', own.certificate),
      keyFile: write('executor.key', own.key),
      rootFile: write('root.pem', authorities.federation.certificate),
      intermediateCertificateFile: write('region.pem', authorities.region.certificate),
      intermediateKeyFile: write('region.key', authorities.region.key),
      regionKeyFile: write('region.secret', 'a secret of the region'),
    },
  };
}
