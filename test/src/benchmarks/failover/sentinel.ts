// Three machines with a Redis and a Redis Sentinel each, as somebody sets them up who wants a quick failover.
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { EngineEntry } from '@argosy/images';
import { Redis } from 'ioredis';
import type { Place } from '../../continuity/retrying-client.ts';
import { waitUntil } from '../../crash-matrix/waiting.ts';
import { freePorts } from '../../free-ports.ts';

const SIZE = 3;
const NAME = 'mymaster';
const HOST = '127.0.0.1';
/** How quickly they take a primary for gone. */
export const TIMES = { 'down-after-milliseconds': 1_000, 'failover-timeout': 5_000 } as const;
export const LOGIN = { user: 'default', password: 'sentinel', database: '0' } as const;
const WHOLE_LIMIT_MS = 120_000;
const ANSWER_LIMIT_MS = 1_000;

/** A process with its file of settings, which Sentinel writes to as well. */
interface Program {
  readonly name: string;
  readonly port: number;
  readonly words: readonly string[];
  process?: ChildProcess;
}

interface Machine {
  readonly server: Program;
  readonly sentinel: Program;
}

export class SentinelCluster {
  readonly #engine: EngineEntry;
  readonly #folder: string;
  readonly #machines: readonly Machine[];
  readonly configuration: string;

  private constructor(engine: EngineEntry, folder: string, machines: readonly Machine[]) {
    this.#engine = engine;
    this.#folder = folder;
    this.#machines = machines;
    const files = [machines[1]?.server, machines[1]?.sentinel].map((program) => this.#fileOf(program?.name ?? ''));
    this.configuration = files.map((file) => readFileSync(file, 'utf8').replaceAll(folder, 'FOLDER')).join('\n');
  }

  static async start(engine: EngineEntry, folder: string): Promise<SentinelCluster> {
    const first = await freePorts(2 * SIZE);
    const machines = Array.from({ length: SIZE }, (_, index): Machine => {
      const [port, sentinelPort] = [first + index, first + SIZE + index];
      const server = configure(folder, `redis-${index + 1}`, serverSettings(port, index === 0 ? undefined : first));
      const sentinel = configure(folder, `sentinel-${index + 1}`, sentinelSettings(sentinelPort, first));
      return {
        server: { ...server, port, words: [] },
        sentinel: { ...sentinel, port: sentinelPort, words: ['--sentinel'] },
      };
    });
    const cluster = new SentinelCluster(engine, folder, machines);
    for (const machine of machines) cluster.#boot(machine);
    try {
      await cluster.whole();
      return cluster;
    } catch (error) {
      await cluster.close();
      throw error;
    }
  }

  /** Where clients ask who leads. */
  get places(): readonly Place[] {
    return this.#machines.map(({ sentinel }) => ({ host: HOST, port: sentinel.port }));
  }

  /** All Sentinels name the same primary and see all others, and both replicas follow it. */
  async whole(): Promise<void> {
    let last = '';
    await waitUntil(
      'the Sentinels have a primary and two replicas',
      WHOLE_LIMIT_MS,
      async () => {
        const views = await Promise.all(this.#machines.map(({ sentinel }) => viewOf(sentinel.port)));
        const [primary] = views.map((view) => view?.primary);
        const isFollowed = (await connectedReplicas(primary)) === SIZE - 1;
        last = JSON.stringify(views);
        return isFollowed && views.every((view) => view?.primary === primary && view?.isQuiet === true);
      },
      () => last,
    );
  }

  /** The server that answers there alone; nobody starts it anew until what this answers is called. */
  killServer(at: Place | undefined): () => void {
    const { server } = this.#machineAt(at);
    server.process?.kill('SIGKILL');
    return () => this.#start(server);
  }

  /** With the Sentinel beside it, with one blow. */
  killMachine(at: Place | undefined): () => void {
    const machine = this.#machineAt(at);
    this.#kill(machine);
    return () => this.#boot(machine);
  }

  async close(): Promise<void> {
    for (const machine of this.#machines) this.#kill(machine);
  }

  #machineAt(at: Place | undefined): Machine {
    const machine = this.#machines.find(({ server }) => server.port === at?.port);
    if (machine === undefined) throw new Error('No machine takes writes.');
    return machine;
  }

  #kill({ server, sentinel }: Machine): void {
    for (const program of [sentinel, server]) program.process?.kill('SIGKILL');
  }

  #boot({ server, sentinel }: Machine): void {
    for (const program of [server, sentinel]) this.#start(program);
  }

  #start(program: Program): void {
    const { bin, libraryPath } = this.#engine;
    const log = openSync(join(this.#folder, `${program.name}.log`), 'a');
    program.process = spawn(join(bin, 'redis-server'), [this.#fileOf(program.name), ...program.words], {
      cwd: join(this.#folder, program.name),
      stdio: ['ignore', log, log],
      env: { PATH: '/usr/bin:/bin', LC_ALL: 'C.UTF-8', ...(libraryPath && { LD_LIBRARY_PATH: libraryPath }) },
    });
    closeSync(log);
  }

  #fileOf(name: string): string {
    return join(this.#folder, name, 'redis.conf');
  }
}

function configure(folder: string, name: string, settings: readonly string[]): { readonly name: string } {
  mkdirSync(join(folder, name));
  writeFileSync(join(folder, name, 'redis.conf'), `${settings.join('\n')}\ndir ${join(folder, name)}\n`);
  return { name };
}

/** As Argosy's own have it: a log that is synced each second, and copies that begin at once. */
function serverSettings(port: number, upstream: number | undefined): string[] {
  return [
    ...[`bind ${HOST}`, `port ${port}`, `requirepass ${LOGIN.password}`, `masterauth ${LOGIN.password}`, 'save ""'],
    ...['appendonly yes', 'appendfsync everysec', 'repl-diskless-sync-delay 0'],
    ...['repl-ping-replica-period 1', 'repl-timeout 5'],
    ...(upstream === undefined ? [] : [`replicaof ${HOST} ${upstream}`]),
  ];
}

function sentinelSettings(port: number, primary: number): string[] {
  return [
    ...[`bind ${HOST}`, `port ${port}`, `sentinel monitor ${NAME} ${HOST} ${primary} 2`],
    ...Object.entries(TIMES).map(([name, ms]) => `sentinel ${name} ${NAME} ${ms}`),
    ...[`sentinel parallel-syncs ${NAME} 1`, `sentinel auth-pass ${NAME} ${LOGIN.password}`],
  ];
}

interface View {
  readonly primary: number;
  /** It sees all others, and each of them up. */
  readonly isQuiet: boolean;
}

async function viewOf(port: number): Promise<View | undefined> {
  return await asked(port, {}, async (client) => {
    const watched = fieldsOf(await client.call('SENTINEL', 'MASTER', NAME));
    const replicas = (await client.call('SENTINEL', 'REPLICAS', NAME)) as unknown[];
    const others = (await client.call('SENTINEL', 'SENTINELS', NAME)) as unknown[];
    const are = (all: readonly unknown[], flags: string): boolean =>
      all.length === SIZE - 1 && all.every((one) => fieldsOf(one).get('flags') === flags);
    const isQuiet = watched.get('flags') === 'master' && are(replicas, 'slave') && are(others, 'sentinel');
    return { primary: Number(watched.get('port')), isQuiet };
  });
}

async function connectedReplicas(port: number | undefined): Promise<number | undefined> {
  if (port === undefined) return undefined;
  return await asked(port, { password: LOGIN.password }, async (client) => {
    return [...(await client.info('replication')).matchAll(/^slave\d+:.*state=online/gm)].length;
  });
}

/** Undefined when it does not answer. */
async function asked<Answer>(port: number, login: object, ask: (client: Redis) => Promise<Answer>) {
  const limits = { connectTimeout: ANSWER_LIMIT_MS, commandTimeout: ANSWER_LIMIT_MS, retryStrategy: () => null };
  const client = new Redis({ host: HOST, port, ...login, ...limits, maxRetriesPerRequest: 0 });
  client.on('error', () => undefined);
  try {
    return await ask(client);
  } catch {
    return undefined;
  } finally {
    client.disconnect();
  }
}

/** Of a list of names and values in turn. */
function fieldsOf(list: unknown): Map<string, string> {
  const words = list as string[];
  return new Map(words.flatMap((name, index) => (index % 2 === 0 ? [[name, words[index + 1] ?? '']] : [])));
}
