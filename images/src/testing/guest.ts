// One guest of a test: the real agent as a process of its own, on a loopback address of its own, with a volume and
// what the region's executor would do for it.
import { type ChildProcess, spawn } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Accounts } from '@argosy/datastores';
import {
  type AdminUser,
  AGENT_PORT,
  AgentServiceClient,
  type CommandHeader,
  callUnary,
  channelOptions,
  enrolmentMac,
  type FollowResponse,
  isSameMac,
  type KeyPair,
  MemberKind,
  type MemberReport,
  type Peer,
  type Position,
  RejoinMethod,
  serverName,
  signLeaf,
} from '@argosy/proto';
import { credentials } from '@grpc/grpc-js';
import pg from 'pg';
import type { Federation } from './federation.ts';
import { firstOf, pidsIn } from './guest-processes.ts';
import { engines, freeAddress, type GuestEngine, PORT, POSTGRESQL } from './place.ts';
import { patiently, pause, soon, WAIT_MS } from './waiting.ts';

const LOG_CHARACTERS = 4_000;
const initFile = fileURLToPath(new URL('../../guest.sh', import.meta.url));
const mainFile = fileURLToPath(new URL('../agent/main.js', import.meta.url));

/** A voter whose clients come in by themselves, unless told. */
export interface GuestKind {
  readonly kind?: 'arbiter';
  readonly door?: true;
  readonly engine_ruled?: true;
}

export class Guest {
  readonly federation: Federation;
  readonly clusterId: string;
  readonly memberId: string;
  readonly address: string;
  readonly folder: string;
  readonly engine: GuestEngine;
  readonly #enginesFile: string;
  readonly #kind: GuestKind;
  #process: ChildProcess | undefined;
  #client: AgentServiceClient | undefined;
  log = '';

  private constructor(
    federation: Federation,
    place: Pick<Guest, 'clusterId' | 'memberId' | 'address' | 'folder' | 'engine'> & {
      enginesFile: string;
      kind: GuestKind;
    },
  ) {
    this.federation = federation;
    this.clusterId = place.clusterId;
    this.memberId = place.memberId;
    this.address = place.address;
    this.folder = place.folder;
    this.engine = place.engine;
    this.#enginesFile = place.enginesFile;
    this.#kind = place.kind;
  }

  /** Makes the volume and starts the agent. `atEnd` takes what must be done when the test has ended, also when it failed. */
  static async boot(
    federation: Federation,
    member: { clusterId: string; ordinal: number; engine?: GuestEngine; kind?: GuestKind },
    atEnd: (call: () => Promise<void>) => void,
  ): Promise<Guest> {
    const folder = await mkdtemp(join(tmpdir(), 'ag-'));
    const { engine = POSTGRESQL, kind = {} } = member;
    const memberId = `${member.clusterId}-${member.ordinal}`;
    const guest = new Guest(federation, {
      ...{ clusterId: member.clusterId, memberId, folder, engine, address: await freeAddress(engine.port) },
      ...{ enginesFile: await engines(engine), kind },
    });
    atEnd(() => guest.destroy());
    await chmod(folder, 0o755);
    await mkdir(guest.volume);
    await guest.writeUserData();
    guest.start();
    return guest;
  }

  get volume(): string {
    return join(this.folder, 'volume');
  }

  get pid(): number {
    return this.#process?.pid ?? 0;
  }

  async writeUserData(change: Record<string, unknown> = {}): Promise<void> {
    const { federation, clusterId, memberId } = this;
    const userData = {
      ...{ federation: federation.federation, region: federation.region, cluster_id: clusterId, member_id: memberId },
      ...{ kind: 'voter', ...this.#kind, datastore: this.engine.datastore, version: this.engine.version },
      ...{ executor: federation.executorUri, datastore_port: this.engine.port },
      ...{ root_certificate: federation.root, enrolment_token: federation.token(memberId) },
    };
    await writeFile(join(this.folder, 'user-data.json'), JSON.stringify({ ...userData, ...change }), { mode: 0o600 });
  }

  /** Starts the agent alone, or as a guest's init does. */
  start(how: 'agent' | 'init' = 'agent'): void {
    const [program, argument] = how === 'agent' ? [process.execPath, mainFile] : ['/bin/sh', initFile];
    const child = spawn(program, [argument], {
      env: {
        ...{ PATH: process.env.PATH, ARGOSY_USER_DATA: join(this.folder, 'user-data.json') },
        ...{ ARGOSY_VOLUME: this.volume, ARGOSY_ADDRESS: this.address, ARGOSY_RUN_DIRECTORY: join(this.folder, 'run') },
        ARGOSY_ENGINES_FILE: this.#enginesFile,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.log += text;
      });
    }
    this.#process = child;
  }

  /** Ends the agent and answers its exit code. */
  async end(signal: NodeJS.Signals): Promise<number | null> {
    const child = this.#process;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return child?.exitCode ?? null;
    const exited = new Promise<number | null>((resolve) => child.once('exit', resolve));
    child.kill(signal);
    return await exited;
  }

  async exitCode(): Promise<number | null> {
    const child = this.#process;
    if (child === undefined || child.exitCode !== null) return child?.exitCode ?? null;
    return await new Promise((resolve) => child.once('exit', resolve));
  }

  async destroy(): Promise<void> {
    await this.halt();
    await rm(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }

  /** Ends all of its processes. */
  async halt(): Promise<void> {
    this.#client?.close();
    const child = this.#process;
    if (child !== undefined && child.exitCode === null) {
      const timer = setTimeout(() => child.kill('SIGKILL'), 15_000);
      await this.end('SIGTERM').finally(() => clearTimeout(timer));
    }
    for (const pid of [...(await this.databasePids()), ...(await this.doorPids())]) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {} // It was gone already.
    }
  }

  /** The server's, whatever the engine. */
  async serverPid(): Promise<number | undefined> {
    return await firstOf(await this.databasePids());
  }

  async databasePids(): Promise<number[]> {
    return await pidsIn(join(this.volume, 'data'));
  }

  async doorPids(): Promise<number[]> {
    return await pidsIn(join(this.folder, 'run/door'));
  }

  async killAgent(): Promise<void> {
    await this.end('SIGKILL');
  }

  async endAgent(): Promise<void> {
    await this.end('SIGTERM');
  }

  async databasePid(): Promise<number | undefined> {
    const text = await readFile(join(this.volume, 'data/postmaster.pid'), 'utf8').catch(() => '');
    const pid = Number.parseInt(text, 10);
    return Number.isSafeInteger(pid) ? pid : undefined;
  }

  /** A client with somebody's certificate; the executor's unless told. Before enrolment nobody can verify the agent. */
  client(keys: KeyPair = this.federation.executorKeys, options = { verify: true }): AgentServiceClient {
    const { federation } = this;
    const channel = credentials.createSsl(
      Buffer.from(federation.root),
      Buffer.from(keys.key),
      Buffer.from(keys.certificate),
      options.verify ? {} : { rejectUnauthorized: false, checkServerIdentity: () => undefined },
    );
    return new AgentServiceClient(`${this.address}:${AGENT_PORT}`, channel, channelOptions(serverName(this.identity)));
  }

  get identity() {
    const { federation, region } = this.federation;
    return { kind: 'member', federation, region, clusterId: this.clusterId, memberId: this.memberId } as const;
  }

  /** What the executor does when a member has booted. */
  async enrol(): Promise<void> {
    const client = this.client(undefined, { verify: false });
    try {
      const answer = await patiently(() =>
        callUnary(client.enrol.bind(client), { memberId: this.memberId }, { deadline: soon() }),
      );
      const mac = enrolmentMac(this.federation.token(this.memberId), answer.signingRequest);
      if (!isSameMac(mac, answer.mac)) throw new Error('The guest does not know its token.');
      const certificateChain = await signLeaf(this.federation.authority, {
        ...{ request: answer.signingRequest, identity: this.identity, addresses: [this.address] },
        validity: { now: new Date(), days: 1 },
      });
      await callUnary(client.installCertificate.bind(client), { certificateChain }, { deadline: soon() });
    } finally {
      client.close();
    }
  }

  /** The executor's client, kept. */
  get agent(): AgentServiceClient {
    this.#client ??= this.client();
    return this.#client;
  }

  get peer(): Peer {
    const kind = this.#kind.kind === 'arbiter' ? MemberKind.ARBITER : MemberKind.VOTER;
    const { memberId, address } = this;
    return { memberId, kind, address, port: this.engine.port, serverName: serverName(this.identity) };
  }

  header(epoch: number, generation: number, key = 'test'): CommandHeader {
    const { clusterId, memberId } = this;
    return {
      ...{ clusterId, memberId, epoch, generation, specRevision: 1, term: 1 },
      ...{ idempotencyKey: `${key}/${memberId}`, requestId: 'test' },
    };
  }

  async initialise(version = this.engine.version): Promise<void> {
    const request = { header: this.header(0, 0), version };
    await patiently(() => callUnary(this.agent.initialise.bind(this.agent), request, { deadline: soon() }));
  }

  async promote(
    epoch: number,
    generation: number,
    options: { voters: Guest[]; peers?: Guest[]; admin?: AdminUser; lease?: { grantors: Guest[]; rpoSeconds: number } },
  ): Promise<Position> {
    const voters = options.voters.map((voter) => voter.memberId);
    const { grantors, rpoSeconds = 0 } = options.lease ?? {};
    const lease = grantors && { grantors: grantors.map(({ peer }) => peer), rpoSeconds };
    const request = {
      header: this.header(epoch, generation),
      rule: { voters, acknowledgements: Math.floor(voters.length / 2), generation, lease },
      peers: (options.peers ?? options.voters).filter((peer) => peer !== this).map(({ peer }) => peer),
      admin: options.admin,
    };
    return await position(() => callUnary(this.agent.promote.bind(this.agent), request, { deadline: soon() }));
  }

  async seed(epoch: number, generation: number, primary: Guest): Promise<Position> {
    const header = this.header(epoch, generation, `seed-${epoch}`);
    const request = { header, primary: primary.peer, version: this.engine.version };
    return await position(() => callUnary(this.agent.seed.bind(this.agent), request, { deadline: soon() }));
  }

  async rejoin(epoch: number, generation: number, primary: Guest, how: { key?: string; mustKeepTail?: boolean } = {}) {
    const { key, mustKeepTail = false } = how;
    const header = this.header(epoch, generation, key);
    const request = { header, primary: primary.peer, version: this.engine.version, mustKeepTail };
    return await patiently(() => callUnary(this.agent.rejoin.bind(this.agent), request, { deadline: soon() }));
  }

  async follow(epoch: number, generation: number, primary: Guest): Promise<Position> {
    return await position(() => this.askToFollow(epoch, generation, primary));
  }

  /** As the gateway brings back a former primary. */
  async comeBack(epoch: number, generation: number, primary: Guest): Promise<'followed' | 'rewound' | 'copied'> {
    const { divergence } = await patiently(() => this.askToFollow(epoch, generation, primary));
    if (divergence === undefined) return 'followed';
    const { method } = await this.rejoin(epoch, generation, primary);
    await this.follow(epoch, generation, primary);
    return method === RejoinMethod.REWOUND ? 'rewound' : 'copied';
  }

  askToFollow(epoch: number, generation: number, primary: Guest): Promise<FollowResponse> {
    const request = { header: this.header(epoch, generation), primary: primary.peer };
    return callUnary(this.agent.follow.bind(this.agent), request, { deadline: soon() });
  }

  async promise(epoch: number, generation = 0): Promise<Position> {
    const request = { header: this.header(epoch, generation) };
    return await position(() => callUnary(this.agent.promise.bind(this.agent), request, { deadline: soon() }));
  }

  /** Of an agent that has ended: it begins on an empty volume, and is enrolled anew. */
  async loseVolume(): Promise<void> {
    await rm(this.volume, { recursive: true, force: true });
    await mkdir(this.volume);
    this.#client?.close();
    this.#client = undefined;
    this.start();
    await this.enrol();
  }

  async rest(epoch: number, generation: number): Promise<void> {
    const request = { header: this.header(epoch, generation) };
    await callUnary(this.agent.rest.bind(this.agent), request, { deadline: soon() });
  }

  async open(epoch: number, generation: number, deadline = soon()): Promise<Position> {
    const request = { header: this.header(epoch, generation) };
    return await position(() => callUnary(this.agent.open.bind(this.agent), request, { deadline }));
  }

  async setParameters(
    epoch: number,
    change: { generation: number; values: Readonly<Record<string, string>>; mayRestart: boolean },
  ): Promise<boolean> {
    const request = {
      header: this.header(epoch, 1, `parameters-${change.generation}`),
      ...change,
      values: { ...change.values },
    };
    return (await callUnary(this.agent.setParameters.bind(this.agent), request, { deadline: soon() })).restartNeeded;
  }

  async setAccounts(epoch: number, { generation, users, databases, gone }: Accounts): Promise<void> {
    const header = this.header(epoch, 1, `accounts-${generation}`);
    const request = {
      ...{ header, generation, users: users.map((user) => ({ ...user, grants: [...user.grants] })) },
      databases: databases.map(({ name }) => name),
      goneUsers: [...gone.users],
      goneDatabases: [...gone.databases],
    };
    await callUnary(this.agent.setAccounts.bind(this.agent), request, { deadline: soon() });
  }

  /** Observes until a report is as wanted. */
  async report(isWanted: (report: MemberReport) => boolean): Promise<MemberReport> {
    const deadline = Date.now() + WAIT_MS;
    let last: MemberReport | undefined;
    while (Date.now() < deadline) {
      const stream = this.agent.observe({}, { deadline });
      try {
        for await (const { report } of stream as AsyncIterable<{ report?: MemberReport }>) {
          last = report;
          if (report !== undefined && isWanted(report)) return report;
        }
      } catch {
        await pause(100);
      } finally {
        stream.cancel();
      }
    }
    throw new Error(
      `No such report of ${this.memberId} in time; the last was ${JSON.stringify(last)}.\n${this.log.slice(-LOG_CHARACTERS)}`,
    );
  }

  /** A tenant's connection: by TLS, with the server verified by its address. */
  async connect(password: string, user = 'admin'): Promise<pg.Client> {
    const client = new pg.Client({
      ...{ host: this.address, port: PORT, user, password, database: 'admin', connectionTimeoutMillis: 3_000 },
      ssl: { ca: this.federation.root },
    });
    client.on('error', () => {});
    await client.connect();
    return client;
  }

  /** A connection as the agent's: by the Unix socket, past the door. */
  async inside(database = 'postgres'): Promise<pg.Client> {
    const client = new pg.Client({ host: join(this.folder, 'run/db'), port: PORT, user: 'argosy', database });
    client.on('error', () => {});
    await client.connect();
    return client;
  }
}

async function position(call: () => Promise<{ position: Position | undefined }>): Promise<Position> {
  const response = await patiently(call);
  return response.position ?? { epoch: 0, value: '' };
}
