// Microcloud as a process of its own, so that it can be killed, frozen and started again.
import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { MicrocloudConfig } from '@argosy/regions';
import { FLAVORS, IMAGE, MAX_STACKS, PROJECTS, REGION, USERS, ZONES } from './region-under-test.ts';

const START_LIMIT_MS = 60_000;
const POLL_MS = 50;
/** A server that a broken test leaves behind ends by itself. */
const SERVER_SECONDS = 600;
const program = (path: string): string => fileURLToPath(new URL(`../../../regions/dist/${path}`, import.meta.url));
const MICROCLOUD = program('microcloud/main.js');
const GUEST = program('testing/guest.js');
/** Who is told who it is runs an agent; any other server does nothing. */
const BOOT = [
  `if [ "$(head -c 1 "$ARGOSY_USER_DATA")" = "{" ]; then exec timeout ${SERVER_SECONDS} node '${GUEST}'; fi`,
  `exec sleep ${SERVER_SECONDS}`,
].join('\n');

export interface CloudProcess {
  signal(name: 'SIGSTOP' | 'SIGCONT'): void;
  crash(): Promise<void>;
  stop(): Promise<void>;
}

export interface CloudOptions {
  readonly directory: string;
  readonly bind: MicrocloudConfig['bind'];
  readonly catalog: NonNullable<MicrocloudConfig['catalog']>;
  /** Answers 200 when it serves. */
  readonly healthUrl: string;
  readonly region?: string;
  /** Of the members. */
  readonly network: MicrocloudConfig['networks'][number];
}

/** Starts it on its folder, new or not, and waits until it serves. */
export async function startCloud(options: CloudOptions): Promise<CloudProcess> {
  const { directory, bind, catalog, healthUrl, network, region = REGION } = options;
  const config: MicrocloudConfig = {
    region,
    bind,
    directory: join(directory, 'cloud'),
    volumesDirectory: join(directory, 'volumes'),
    runDirectory: join(directory, 'run'),
    bootId: 'only',
    serverCommand: ['/bin/sh', '-c', BOOT],
    faults: true,
    zones: ZONES,
    flavors: FLAVORS,
    images: [IMAGE],
    networks: [network],
    projects: PROJECTS,
    users: USERS,
    maxStacks: MAX_STACKS,
    catalog,
  };
  mkdirSync(directory, { recursive: true });
  const [file, logFile] = [join(directory, 'microcloud.json'), join(directory, 'microcloud.log')];
  writeFileSync(file, JSON.stringify(config), { mode: 0o600 });
  const log = openSync(logFile, 'a', 0o600);
  const child = spawn(process.execPath, [MICROCLOUD, '--config', file], { stdio: ['ignore', log, log] });
  closeSync(log);
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
  });
  const end = async (signal: 'SIGTERM' | 'SIGKILL'): Promise<void> => {
    child.kill('SIGCONT');
    child.kill(signal);
    await ended;
  };
  const limit = performance.now() + START_LIMIT_MS;
  while (!(await isServing(healthUrl))) {
    if (child.exitCode !== null || performance.now() > limit) {
      await end('SIGKILL');
      throw new Error(`Nothing serves at ${healthUrl}:\n${readFileSync(logFile, 'utf8')}`);
    }
    await new Promise<void>((resolve) => setTimeout(resolve, POLL_MS));
  }
  return { signal: (name) => child.kill(name), crash: () => end('SIGKILL'), stop: () => end('SIGTERM') };
}

function isServing(url: string): Promise<boolean> {
  return fetch(url).then(
    ({ ok }) => ok,
    () => false,
  );
}
