// The first database of a cluster, with its users. etcd 3.4 makes a user only of a password in clear, and all that is known
// of the tenant's is what bcrypt makes of it. So a server that nobody can reach makes the users, the tenant's with a
// password that nobody has; its hash is put in that one's place, for each has 60 characters, and no page of data a checksum;
// and what etcd restores of that has a log that begins there.
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { compare } from 'bcryptjs';
import { type Admin, DriverError, type DriverOptions } from '../driver.ts';
import { endIn } from '../plain-server.ts';
import { sleep } from '../server-process.ts';
import { AGENT_USER } from './client.ts';
import { type Call, callServer, encoded } from './gateway.ts';
import type { Layout } from './layout.ts';
import { environmentOf, PROGRAM, peerUrlOf } from './server.ts';

const START_MS = 30_000;
const POLL_MS = 20;
const CALL_MS = 5_000;
const RESTORE_MS = 120_000;
const PLACEHOLDER_BYTES = 24;
const ROLE = 'tenant';
/** How etcd calls a socket in the folder that it runs in. */
const SOCKETS = { client: 'localhost:1', peer: 'localhost:2' } as const;
/** Nobody dials it. */
const NOWHERE = 'http://127.0.0.1:1';
const HASH = /\$2[aby]\$\d\d\$[./A-Za-z0-9]{53}/g;
/** Linux' limit on a Unix socket's path (sockaddr_un.sun_path, less the closing zero). */
const SOCKET_PATH_BYTES = 107;

export interface FoundingParts {
  readonly options: DriverOptions;
  readonly layout: Layout;
  readonly secret: string;
  readonly admin: Admin;
}

/** Makes the data of a cluster of one member, at rest. Its data folder is empty before. @throws DriverError */
export async function makeFirstDatabase(parts: FoundingParts): Promise<void> {
  const { options, layout } = parts;
  const { files, owner } = options;
  await forgetFounding(options, layout);
  for (const folder of [layout.founding, socketFolderOf(options)]) {
    await files.ensureFolder(folder, { mode: 0o700, owner });
  }
  const placeholder = randomBytes(PLACEHOLDER_BYTES).toString('hex');
  await makeUsers(parts, placeholder);
  const made = (await readFile(join(layout.founding, 'first', 'member', 'snap', 'db'))).toString('latin1');
  const known = await hashOf(made, placeholder);
  const seed = join(layout.founding, 'seed.db');
  await files.writeDurably(seed, Buffer.from(made.replaceAll(known, parts.admin.verifier), 'latin1'), {
    mode: 0o600,
    owner,
  });
  await restore(parts, seed);
  await files.renameDurably(join(layout.founding, 'restored', 'member'), layout.member);
  await forgetFounding(options, layout);
}

/** Ends what a founding that was broken off has left. */
export async function forgetFounding(options: DriverOptions, layout: Layout): Promise<void> {
  await options.files.ensureFolder(socketFolderOf(options), { mode: 0o700, owner: options.owner });
  await endIn(socketFolderOf(options), options);
  await options.files.remove(layout.founding);
  await options.files.remove(socketFolderOf(options));
}

function socketFolderOf({ runFolder }: DriverOptions): string {
  return join(runFolder, 'founding');
}

async function makeUsers({ options, layout, secret, admin }: FoundingParts, placeholder: string): Promise<void> {
  const folder = socketFolderOf(options);
  const path = join(folder, SOCKETS.client);
  if (Buffer.byteLength(path) > SOCKET_PATH_BYTES) {
    throw new DriverError('refused', `"${path}" is longer than a Unix socket's path may be.`);
  }
  const started = await options.processes.start(
    {
      path: join(options.engine.bin, PROGRAM),
      arguments: [
        ...['--name', options.memberId, '--data-dir', join(layout.founding, 'first')],
        ...['--listen-client-urls', `unix://${SOCKETS.client}`, '--advertise-client-urls', NOWHERE],
        ...['--listen-peer-urls', `unix://${SOCKETS.peer}`, '--initial-advertise-peer-urls', NOWHERE],
        ...['--initial-cluster', `${options.memberId}=${NOWHERE}`, '--logger', 'zap', '--log-outputs', 'stderr'],
        // It is alone, and elected as soon as it asks.
        ...['--heartbeat-interval', '10', '--election-timeout', '100'],
      ],
      folder,
      environment: environmentOf(options),
    },
    layout.logFile,
  );
  const call = (name: string, body: object): Promise<unknown> =>
    callServer({ kind: 'socket', path }, { path: name, body, timeoutMs: CALL_MS } satisfies Call);
  await untilLed(options, call);
  const everything = { permType: 'READWRITE', key: encoded('\0'), range_end: encoded('\0') };
  await call('auth/user/add', { name: AGENT_USER, password: secret });
  await call('auth/role/add', { name: AGENT_USER });
  await call('auth/user/grant', { user: AGENT_USER, role: AGENT_USER });
  await call('auth/role/add', { name: ROLE });
  await call('auth/role/grant', { name: ROLE, perm: everything });
  await call('auth/user/add', { name: admin.name, password: placeholder });
  await call('auth/user/grant', { user: admin.name, role: ROLE });
  await call('auth/enable', {});
  options.processes.signal(started.pid, 'SIGTERM');
  await started.exited;
}

async function untilLed(options: DriverOptions, call: (name: string, body: object) => Promise<unknown>): Promise<void> {
  const deadline = options.clock.monotonicMs() + START_MS;
  for (;;) {
    const answer = await call('kv/range', { key: encoded('argosy') }).catch((error: unknown) => error as Error);
    if (!(answer instanceof Error)) return;
    if (options.clock.monotonicMs() > deadline) {
      throw new DriverError('unavailable', 'etcd did not start to make its first database.', { cause: answer });
    }
    await sleep(options, POLL_MS);
  }
}

/** What bcrypt made of the placeholder, among all that is there. */
async function hashOf(database: string, password: string): Promise<string> {
  for (const [hash] of database.matchAll(HASH)) if (await compare(password, hash)) return hash;
  throw new DriverError('failed', 'The first database does not hold the user that was made in it.');
}

async function restore({ options, layout }: FoundingParts, seed: string): Promise<void> {
  const peer = peerUrlOf(options);
  const program = {
    path: join(options.engine.bin, 'etcdctl'),
    arguments: [
      ...['snapshot', 'restore', seed, '--skip-hash-check', '--data-dir', join(layout.founding, 'restored')],
      ...['--name', options.memberId, '--initial-cluster', `${options.memberId}=${peer}`],
      ...['--initial-advertise-peer-urls', peer, '--initial-cluster-token', options.clusterId],
    ],
    folder: layout.founding,
    environment: { ...environmentOf(options), ETCDCTL_API: '3' },
  };
  const { code, stderr } = await options.processes.run(program, RESTORE_MS);
  if (code !== 0) throw new DriverError('failed', `etcd did not take its first database: ${stderr.slice(-400)}`);
}
