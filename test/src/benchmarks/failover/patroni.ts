// Three members under Patroni of Debian's package, with three etcd, as somebody sets them up who wants a quick failover and
// no lost write. Both are unpacked from their packages where they are not installed.
import { type ChildProcess, spawn } from 'node:child_process';
import {
  chownSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  writeFileSync,
} from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { chooseDatabaseUser, type DatabaseUser } from '@argosy/gateway';
import { type EngineEntry, unpackPackages } from '@argosy/images';
import type { Place } from '../../continuity/retrying-client.ts';
import { waitUntil } from '../../crash-matrix/waiting.ts';
import { directly, freePorts, SIZE } from '../raft/cluster.ts';
import { EtcdCluster } from '../raft/etcd-cluster.ts';

const PYTHON = '/usr/bin/python3';
const PACKAGES = [
  ...['patroni', 'python3-psycopg2', 'python3-click', 'python3-dateutil', 'python3-prettytable', 'python3-psutil'],
  ...['python3-six', 'python3-urllib3', 'python3-yaml', 'python3-etcd', 'python3-cdiff', 'python3-dnspython'],
  ...['python3-wcwidth', 'python3-pkg-resources', 'python3-openssl'],
];
/** How quickly it takes a leader for gone: as quickly as it can be set. */
export const TIMES = { ttl: 5, loop_wait: 1, retry_timeout: 2 } as const;
const WHOLE_LIMIT_MS = 120_000;
const SUPERUSER = { username: 'postgres', password: 'patroni' } as const;

interface Member {
  readonly name: string;
  readonly place: Place;
  readonly rest: string;
  readonly folder: string;
  process: ChildProcess | undefined;
}

/** Where Patroni's modules are; undefined when they are installed. @throws Error when there is no Python to run it */
export async function findPatroni(directory: string, progress: (text: string) => void): Promise<string | undefined> {
  if (!existsSync(PYTHON)) throw new Error(`Patroni needs ${PYTHON}.`);
  if (existsSync('/usr/lib/python3/dist-packages/patroni')) return undefined;
  const place = join(directory, 'patroni');
  if (!existsSync(place)) {
    progress('Patroni is not installed; unpacking it.');
    await mkdir(directory, { recursive: true });
    const temporary = await mkdtemp(join(directory, '.patroni.'));
    try {
      const tree = join(temporary, 'tree');
      const context = { isRoot: process.getuid?.() === 0, progress };
      await unpackPackages(tree, { packages: PACKAGES, temporary }, context);
      await rename(tree, place);
    } finally {
      await rm(temporary, { recursive: true, force: true });
    }
  }
  return place;
}

/** Of Patroni's own view of the cluster. */
interface MemberLook {
  readonly name: string;
  readonly role: string;
  readonly timeline?: number;
  readonly lag?: number | string;
}

export interface PatroniOptions {
  /** Of the unpacked packages; undefined when they are installed. */
  readonly tree: string | undefined;
  readonly etcd: string;
  readonly engine: EngineEntry;
  /** Which the database's user can enter. */
  readonly folder: string;
}

export class PatroniCluster {
  readonly #options: PatroniOptions;
  readonly #etcd: EtcdCluster;
  readonly #members: readonly Member[];
  readonly #user: DatabaseUser | undefined;

  private constructor(options: PatroniOptions, etcd: EtcdCluster, members: readonly Member[]) {
    this.#options = options;
    this.#etcd = etcd;
    this.#members = members;
    this.#user = chooseDatabaseUser(process.getuid?.() ?? 0);
  }

  static async start(options: PatroniOptions): Promise<PatroniCluster> {
    const etcd = await EtcdCluster.start(options.etcd, options.folder, directly);
    await etcd.leader();
    const ports = await freePorts(2 * SIZE);
    const members = Array.from({ length: SIZE }, (_, index): Member => {
      const name = `patroni-${index + 1}`;
      const folder = join(options.folder, name);
      const place = { host: '127.0.0.1', port: ports[2 * index] ?? 0 };
      return { name, place, rest: `127.0.0.1:${ports[2 * index + 1]}`, folder, process: undefined };
    });
    const cluster = new PatroniCluster(options, etcd, members);
    for (const member of members) cluster.#boot(member);
    try {
      await cluster.whole();
      return cluster;
    } catch (error) {
      await cluster.close();
      throw error;
    }
  }

  /** What the first member was given, without its addresses. */
  get configuration(): string {
    const text = readFileSync(join(this.#members[0]?.folder ?? '', 'patroni.yaml'), 'utf8');
    return text.replaceAll(this.#options.folder, 'FOLDER');
  }

  get places(): readonly Place[] {
    return this.#members.map(({ place }) => place);
  }

  /** Every member streams from the leader, and one of them synchronously. */
  async whole(): Promise<void> {
    let last = '';
    await waitUntil(
      'Patroni has a leader and two that stream',
      WHOLE_LIMIT_MS,
      async () => {
        const members = await this.#look();
        last = JSON.stringify(members);
        const leader = members.find(({ role }) => role === 'leader');
        const others = members.filter(({ role, lag }) => role !== 'leader' && lag === 0);
        const areWith = others.every(({ timeline }) => timeline === leader?.timeline);
        return others.length === SIZE - 1 && areWith && others.some(({ role }) => role === 'sync_standby');
      },
      () => last,
    );
  }

  /** Kills Patroni and PostgreSQL of the machine that takes writes there with one blow. Answers what starts them again. */
  killLeader(at: Place | undefined): () => void {
    const member = this.#members.find(({ place }) => place.port === at?.port);
    if (member === undefined) throw new Error('Patroni has no leader.');
    this.#kill(member);
    return () => this.#boot(member);
  }

  async close(): Promise<void> {
    for (const member of this.#members) this.#kill(member);
    await this.#etcd.close();
  }

  /** Patroni first, so that it starts nothing anew. */
  #kill(member: Member): void {
    member.process?.kill('SIGKILL');
    const data = join(member.folder, 'data');
    for (const name of readdirSync('/proc').filter((text) => /^\d+$/.test(text))) {
      try {
        if (readlinkSync(`/proc/${name}/cwd`) === data) process.kill(Number(name), 'SIGKILL');
      } catch {
        // It has ended meanwhile, or is somebody else's.
      }
    }
  }

  async #look(): Promise<MemberLook[]> {
    for (const { rest } of this.#members) {
      const answer = await fetch(`http://${rest}/cluster`, { signal: AbortSignal.timeout(1_000) }).catch(
        () => undefined,
      );
      const body = (await answer?.json().catch(() => undefined)) as { members?: [] } | undefined;
      if (body?.members !== undefined) return body.members;
    }
    return [];
  }

  #boot(member: Member): void {
    const { tree, engine } = this.#options;
    mkdirSync(member.folder, { recursive: true });
    const file = join(member.folder, 'patroni.yaml');
    // JSON is YAML as well.
    writeFileSync(file, JSON.stringify(this.#configurationOf(member), undefined, 2));
    const owner = this.#user === undefined ? {} : { uid: this.#user.uid, gid: this.#user.gids[0] ?? this.#user.uid };
    if (owner.uid !== undefined) for (const path of [member.folder, file]) chownSync(path, owner.uid, owner.gid ?? 0);
    const libraries = [engine.libraryPath, tree && join(tree, 'usr/lib/x86_64-linux-gnu')].filter(Boolean).join(':');
    const log = openSync(join(this.#options.folder, `${member.name}.log`), 'a');
    member.process = spawn(PYTHON, ['-m', 'patroni', file], {
      ...owner,
      cwd: member.folder,
      stdio: ['ignore', log, log],
      env: {
        ...{ PATH: `${engine.bin}:/usr/bin:/bin`, HOME: member.folder, LC_ALL: 'C.UTF-8' },
        ...(tree === undefined ? {} : { PYTHONPATH: join(tree, 'usr/lib/python3/dist-packages') }),
        ...(libraries === '' ? {} : { LD_LIBRARY_PATH: libraries }),
      },
    });
    closeSync(log);
  }

  #configurationOf({ name, place, rest, folder }: Member): object {
    const address = `${place.host}:${place.port}`;
    return {
      ...{ scope: 'bench', name, restapi: { listen: rest, connect_address: rest } },
      etcd3: { hosts: this.#etcd.addresses.join(',') },
      bootstrap: {
        dcs: {
          ...TIMES,
          synchronous_mode: true,
          postgresql: { use_pg_rewind: true, parameters: { max_connections: 30, shared_buffers: '16MB' } },
        },
        initdb: [{ encoding: 'UTF8' }, 'data-checksums'],
      },
      postgresql: {
        ...{ listen: address, connect_address: address, data_dir: join(folder, 'data') },
        ...{ bin_dir: this.#options.engine.bin, pgpass: join(folder, 'pgpass') },
        authentication: {
          superuser: SUPERUSER,
          replication: { username: 'replicator', password: 'patroni' },
          rewind: { username: 'rewinder', password: 'patroni' },
        },
        pg_hba: ['local all all trust', 'host replication all 127.0.0.1/32 trust', 'host all all 127.0.0.1/32 trust'],
        parameters: { unix_socket_directories: folder, wal_receiver_timeout: '3s', wal_sender_timeout: '3s' },
      },
    };
  }
}
