// What the contract of a region is held against: microcloud, and a real Keystone and a real Heat with microcloud as the
// cloud beneath. Their servers are processes that do nothing.
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { MicrocloudConfig } from '@argosy/regions';
import { freePorts } from '../free-ports.ts';
import { startOpenStack } from './deployment.ts';

export const TARGETS = ['microcloud', 'openstack'] as const;
export type TargetName = (typeof TARGETS)[number];

export const PROJECT = 'a'.repeat(32);
const OTHER_PROJECT = 'b'.repeat(32);
const REGION = 'north';
const ADDRESS = '127.0.0.1';
const START_LIMIT_MS = 60_000;
const POLL_MS = 50;
/** A server that a broken test leaves behind ends by itself. */
const SERVER_SECONDS = 600;
const MICROCLOUD = fileURLToPath(new URL('../../../regions/dist/microcloud/main.js', import.meta.url));

const USERS = [
  { name: 'argosy', password: 'secret', project: 'service', roles: ['member', 'reader'] },
  { name: 'demo', password: 'demo', project: 'demo', roles: ['member', 'reader'] },
];
const PROJECTS = [
  { id: PROJECT, name: 'service' },
  { id: OTHER_PROJECT, name: 'demo' },
];

export interface Target {
  readonly name: TargetName;
  readonly keystoneUrl: string;
  /** Of Heat, up to and with `/stacks`. */
  stacksOf(projectId: string): string;
  /** What the cloud still has of servers, ports and volumes, by kind. */
  leftOvers(): readonly string[];
  close(): Promise<void>;
}

/** Starts a target on free ports. What a failure has started is ended. */
export async function openTarget(name: TargetName): Promise<Target> {
  const directory = mkdtempSync(join(tmpdir(), 'argosy-contract-'));
  const first = await freePorts(3);
  const [keystone, heat, faces] = [first, first + 1, first + 2];
  const [keystoneUrl, heatUrl] = [`http://${ADDRESS}:${keystone}`, `http://${ADDRESS}:${heat}`];
  const bind =
    name === 'microcloud'
      ? { address: ADDRESS, keystonePort: keystone, heatPort: heat }
      : { address: ADDRESS, facesPort: faces, keystoneUrl };
  const closing: (() => Promise<void>)[] = [];
  const close = async (): Promise<void> => {
    for (const end of closing.reverse()) await end();
    rmSync(directory, { recursive: true, force: true });
  };
  try {
    const cloud = startMicrocloud(directory, bind);
    closing.push(cloud.stop);
    if (name === 'openstack') closing.push(await startReal(directory, first));
    const health = name === 'microcloud' ? `${keystoneUrl}/v3` : `http://${ADDRESS}:${faces}/`;
    await answering(health, cloud.child, join(directory, 'microcloud.log'));
  } catch (error) {
    await close();
    throw error;
  }
  const stacksOf = (projectId: string): string => `${heatUrl}/v1/${projectId}/stacks`;
  return { name, keystoneUrl, stacksOf, leftOvers: () => leftOvers(directory), close };
}

/** Returns what stops it. */
async function startReal(directory: string, firstPort: number): Promise<() => Promise<void>> {
  const cloud = `http://${ADDRESS}:${firstPort + 2}`;
  const deployment = await startOpenStack(
    {
      region: REGION,
      directory: join(directory, 'openstack'),
      cacheDirectory: join(tmpdir(), `argosy-openstack-${userInfo().uid}`),
      keystone: { address: ADDRESS, port: firstPort },
      heat: { address: ADDRESS, port: firstPort + 1 },
      projects: PROJECTS,
      users: USERS,
      catalog: [
        { type: 'compute', name: 'nova', url: `${cloud}/compute/v2.1` },
        { type: 'network', name: 'neutron', url: `${cloud}/network` },
        { type: 'image', name: 'glance', url: `${cloud}/image` },
        { type: 'volumev3', name: 'cinderv3', url: `${cloud}/volume/v3/%(project_id)s` },
      ],
    },
    { isRoot: process.getuid?.() === 0, progress: () => {} },
  );
  return deployment.stop;
}

function startMicrocloud(
  directory: string,
  bind: MicrocloudConfig['bind'],
): { readonly child: ChildProcess; readonly stop: () => Promise<void> } {
  const config: MicrocloudConfig = {
    region: REGION,
    bind,
    directory: join(directory, 'cloud'),
    volumesDirectory: join(directory, 'volumes'),
    runDirectory: join(directory, 'run'),
    bootId: 'only',
    serverCommand: ['/bin/sleep', String(SERVER_SECONDS)],
    zones: [{ name: 'north-a' }, { name: 'north-b', capacity: 0 }],
    flavors: [
      { name: 'm1.small', vcpus: 1, ram: 512, disk: 1 },
      { name: 'm1.large', vcpus: 2, ram: 1024, disk: 1 },
    ],
    images: ['member'],
    networks: [{ name: 'members', cidr: '127.149.1.0/24', firstHost: '127.149.1.10' }],
    projects: PROJECTS,
    users: USERS,
  };
  mkdirSync(directory, { recursive: true });
  const file = join(directory, 'microcloud.json');
  writeFileSync(file, JSON.stringify(config), { mode: 0o600 });
  const log = openSync(join(directory, 'microcloud.log'), 'a', 0o600);
  const child = spawn(process.execPath, [MICROCLOUD, '--config', file], { stdio: ['ignore', log, log] });
  closeSync(log);
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
  });
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM');
    await ended;
  };
  return { child, stop };
}

function leftOvers(directory: string): string[] {
  return ['servers', 'ports', 'volumes', 'belongings'].flatMap((kind) => {
    try {
      return readdirSync(join(directory, 'cloud', kind)).map((name) => `${kind}/${name}`);
    } catch {
      // Nothing of this kind was ever made.
      return [];
    }
  });
}

async function answering(url: string, child: ChildProcess, logFile: string): Promise<void> {
  const end = performance.now() + START_LIMIT_MS;
  while (child.exitCode === null && performance.now() < end) {
    const isThere = await fetch(url).then(
      ({ ok }) => ok,
      () => false,
    );
    if (isThere) return;
    await new Promise<void>((resolve) => setTimeout(resolve, POLL_MS));
  }
  throw new Error(`Nothing serves at ${url}:\n${readFileSync(logFile, 'utf8')}`);
}
