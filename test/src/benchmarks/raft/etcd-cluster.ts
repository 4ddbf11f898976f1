// Three processes of Debian's etcd, the installed one or one that is unpacked from its package without being root.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { closeSync, existsSync, openSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { unpackPackages } from '@argosy/images';
import { type Cluster, findLeader, freePorts, type Reach, SIZE } from './cluster.ts';

const SYSTEM_ETCD = '/usr/bin/etcd';
const ETCD_ENVIRONMENT = { PATH: '/usr/bin:/bin' };

/** Where etcd's program is. It is unpacked into `directory` unless it is installed, or there already. */
export async function findEtcd(directory: string, progress: (sentence: string) => void): Promise<string> {
  if (existsSync(SYSTEM_ETCD)) return SYSTEM_ETCD;
  const place = join(directory, 'etcd-server');
  const program = join(place, 'usr/bin/etcd');
  if (existsSync(program)) return program;
  progress('etcd is not installed; unpacking it.');
  await mkdir(directory, { recursive: true });
  const temporary = await mkdtemp(join(directory, '.etcd-server.'));
  try {
    const tree = join(temporary, 'tree');
    const context = { isRoot: process.getuid?.() === 0, progress };
    await unpackPackages(tree, { packages: ['etcd-server'], temporary }, context);
    await rename(tree, place).catch((error: NodeJS.ErrnoException) => {
      // Somebody else was quicker; theirs is as good.
      if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
    });
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
  if (!existsSync(program)) throw new Error(`The package etcd-server has no ${program}.`);
  return program;
}

/** For example `3.4.23`. */
export function etcdVersion(program: string): string {
  const text = execFileSync(program, ['--version'], { encoding: 'utf8', env: ETCD_ENVIRONMENT });
  return /etcd Version: (\S+)/.exec(text)?.[1] ?? 'unknown';
}

interface Member {
  readonly client: string;
  readonly args: readonly string[];
  readonly log: string;
  process: ChildProcess;
}

export class EtcdCluster implements Cluster {
  readonly #program: string;
  readonly #members: Member[];

  private constructor(program: string, members: Member[]) {
    this.#program = program;
    this.#members = members;
  }

  static async start(program: string, folder: string, reach: Reach): Promise<EtcdCluster> {
    const ports = await freePorts(2 * SIZE);
    const peers: { name: string; client: string; listen: string; known: string }[] = [];
    for (let at = 0; at < SIZE; at++) {
      const peerPort = ports[2 * at + 1] ?? 0;
      peers.push({
        name: `etcd-${at + 1}`,
        client: `127.0.0.1:${ports[2 * at]}`,
        listen: `http://127.0.0.1:${peerPort}`,
        known: `http://127.0.0.1:${await reach(peerPort)}`,
      });
    }
    const everybody = peers.map(({ name, known }) => `${name}=${known}`).join(',');
    const members = peers.map(({ name, client, listen, known }): Member => {
      const args = [
        ...['--name', name, '--data-dir', join(folder, name)],
        ...['--listen-client-urls', `http://${client}`, '--advertise-client-urls', `http://${client}`],
        ...['--listen-peer-urls', listen, '--initial-advertise-peer-urls', known],
        ...['--initial-cluster', everybody, '--initial-cluster-state', 'new', '--logger', 'zap'],
      ];
      const log = join(folder, `${name}.log`);
      return { client, args, log, process: startMember(program, args, log) };
    });
    return new EtcdCluster(program, members);
  }

  /** How the first process was started. */
  get commandLine(): string {
    return [this.#program, ...(this.#members[0]?.args ?? [])].join(' ');
  }

  get addresses(): readonly string[] {
    return this.#members.map(({ client }) => client);
  }

  get pids(): readonly number[] {
    return this.#members.map(({ process: { pid } }) => pid ?? 0);
  }

  leader(): Promise<number> {
    return findLeader(this.addresses.map((address) => () => isLeader(address)));
  }

  async kill(member: number): Promise<void> {
    const child = this.#members[member]?.process;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
  }

  async restart(member: number): Promise<void> {
    const restarted = this.#members[member];
    if (restarted === undefined) return;
    restarted.process = startMember(this.#program, restarted.args, restarted.log);
  }

  async close(): Promise<void> {
    await Promise.all(this.#members.map((_, member) => this.kill(member)));
  }
}

function startMember(program: string, args: readonly string[], log: string): ChildProcess {
  const output = openSync(log, 'a');
  try {
    return spawn(program, args, { stdio: ['ignore', output, output], env: ETCD_ENVIRONMENT });
  } finally {
    closeSync(output);
  }
}

async function isLeader(address: string): Promise<boolean> {
  const response = await fetch(`http://${address}/metrics`, { signal: AbortSignal.timeout(2_000) });
  return /^etcd_server_is_leader 1$/m.test(await response.text());
}
