// A server that is a replica: of somebody, or of nobody. Before it follows anybody it is seen that its data go on with
// theirs; Redis itself would wipe what does not fit without a word.
import { join } from 'node:path';
import type { Position } from '../definition.ts';
import {
  DivergedError,
  DriverError,
  type DriverOptions,
  type ReplicaRole,
  type Role,
  type Upstream,
} from '../driver.ts';
import type { ParameterValues } from '../parameters.ts';
import { sleep } from '../server-process.ts';
import type { Accounts } from './accounts.ts';
import type { Client } from './client.ts';
import { NOBODY, renderConfig, streamName } from './config.ts';
import type { Layout } from './layout.ts';
import { divergence, type Lineage, positionAt } from './lineage.ts';
import { PARAMETERS } from './parameters.ts';
import type { RecordFile } from './record.ts';
import type { RedisServer } from './server.ts';
import { askShare, type Share } from './share.ts';

/** A copy of a whole guest's memory over a wide-area network. */
const COPY_MS = 24 * 3_600_000;
/** A copy that has not begun by then does not. */
const COPY_BEGINS_MS = 30_000;
const LOGGED_MS = 600_000;
const POLL_MS = 20;
const HOUSE_MS = 2_000;
const COPY_NAME = 'argosy copy';

export interface StandbyParts {
  readonly options: DriverOptions;
  readonly layout: Layout;
  readonly record: RecordFile;
  readonly client: Client;
  readonly server: RedisServer;
  readonly accounts: Accounts;
}

export class Standby {
  readonly #parts: StandbyParts;
  #refusal: DivergedError | undefined;
  #goal: number | undefined;
  /** Of whom this server's data will be once it has them. */
  #pending: Lineage | undefined;
  #isKnown = false;
  #knownPid: number | undefined;
  #keptMs = Number.NEGATIVE_INFINITY;
  #parameters: ParameterValues;

  constructor(parts: StandbyParts) {
    this.#parts = parts;
    this.#parameters = parts.options.parameters ?? {};
  }

  /** Whether the offset of the running server counts on from its lineage. */
  get isKnown(): boolean {
    return this.#isKnown && this.#knownPid === this.#parts.server.pid;
  }

  /** Of a server that does not run: whether it will know how much it has. */
  get willBeKnown(): boolean {
    return this.#parts.record.value.cleanAt !== null;
  }

  forget(): void {
    this.#refusal = undefined;
    this.#goal = undefined;
    this.#pending = undefined;
  }

  async becameKnown(): Promise<void> {
    if (this.isKnown) return;
    const { client, record, server } = this.#parts;
    const runId = (await client.info('server')).get('run_id') ?? null;
    const lineage = this.#pending ?? record.value.lineage;
    await record.change({ runId, lineage });
    this.#pending = undefined;
    this.#isKnown = true;
    this.#knownPid = server.pid;
  }

  /** A server that was taken over knows what it knew. */
  async recover(): Promise<void> {
    const { client, record } = this.#parts;
    const runId = (await client.info('server').catch(() => undefined))?.get('run_id');
    if (runId !== undefined && runId === record.value.runId) await this.becameKnown();
  }

  /** Removes all data; whoever still writes them is ended first. */
  async empty(): Promise<void> {
    const { options, layout, record, server } = this.#parts;
    await server.clear();
    await record.forgetData();
    for (const name of await options.files.list(layout.data)) await options.files.remove(join(layout.data, name));
  }

  /** The server runs, and is what it was told last, or a replica of nobody with its door shut. */
  async ensureRunning(): Promise<void> {
    const { options, layout, record, client, server, accounts } = this.#parts;
    if (server.pid !== undefined) return;
    const { cleanAt } = record.value;
    await this.#writeFiles();
    await accounts.write();
    // A log of before would outrank the snapshot.
    if (cleanAt !== null) await options.files.remove(layout.appendFolder);
    const hasLog = (await options.files.size(join(layout.appendFolder, 'appendonly.aof.manifest'))) !== undefined;
    await server.start(hasLog ? 'log' : 'snapshot');
    if (!hasLog) await client.call('CONFIG', 'SET', 'appendonly', 'yes');
    if (cleanAt === null) return;
    const offset = Number((await client.info('replication')).get('master_repl_offset'));
    if (offset === cleanAt) await this.becameKnown();
    await record.change({ cleanAt: null });
  }

  /** What a running server takes is in force when this answers; the rest when it is started anew. */
  async configure(parameters: ParameterValues): Promise<void> {
    const { client, server } = this.#parts;
    const live = Object.entries(PARAMETERS).filter(([, { restart }]) => !restart);
    const settings = live.flatMap(([name, { default: value = '' }]) => [name, parameters[name] ?? value]);
    if (server.pid !== undefined) {
      // All of them or none: Redis takes back what it has set when it refuses one.
      await client.call('CONFIG', 'SET', ...settings).catch((error: Error) => {
        if (error instanceof DriverError) throw error;
        throw new DriverError('refused', `The engine does not take the parameters: ${error.message}`);
      });
    }
    this.#parameters = parameters;
    await this.#writeFiles();
  }

  /** Answers when what is written is in the log on disk. */
  async untilLogged(): Promise<void> {
    const { options, client } = this.#parts;
    const deadline = options.clock.monotonicMs() + LOGGED_MS;
    for (;;) {
      const info = await client.info('persistence');
      const isBusy = info.get('aof_rewrite_in_progress') !== '0' || info.get('aof_rewrite_scheduled') !== '0';
      if (info.get('aof_enabled') === '1' && !isBusy) return;
      if (options.clock.monotonicMs() > deadline) throw new DriverError('unavailable', 'The log is not begun yet.');
      await sleep(options, POLL_MS);
    }
  }

  /** `known` is what the running server was told before. */
  async follow(role: ReplicaRole, known: ReplicaRole | undefined): Promise<void> {
    const { options, record, client, server, accounts } = this.#parts;
    const { upstream, epoch } = role;
    const wasRunning = server.pid !== undefined;
    const isSame = known?.epoch === epoch && known.upstream.memberId === upstream.memberId && wasRunning;
    await this.ensureRunning();
    if (!isSame) {
      this.#goal = undefined;
      const share = await askShare(options, upstream);
      if (share.lineage.at(-1)?.epoch !== epoch) {
        throw new DriverError('unavailable', `${upstream.memberId} does not lead epoch ${epoch} yet.`);
      }
      const found = await this.compare(share);
      if (found !== undefined) {
        const bytes = found.offset === null ? 0 : found.offset - found.leftAt;
        const reason = 'The data of this member went another way than those';
        this.#refusal = new DivergedError(`${reason} of epoch ${epoch}.`, { bytes, transactions: undefined });
        throw this.#refusal;
      }
      this.#refusal = undefined;
      if (this.isKnown) await record.change({ lineage: share.lineage });
      else this.#pending = share.lineage;
      await this.#learn(share);
    }
    await this.#callItself(streamName({ ...role, memberId: options.memberId }));
    await client.call('REPLICAOF', upstream.address, upstream.port);
    await accounts.open();
  }

  async isFollowing(role: ReplicaRole): Promise<Position | undefined> {
    if (this.#refusal !== undefined) throw this.#refusal;
    const { client, record, server } = this.#parts;
    if (server.pid === undefined) return undefined;
    const info = await client.info('replication');
    if (!isLinked(info, role.upstream)) return undefined;
    await this.becameKnown();
    const position = positionAt(record.value.lineage, Number(info.get('master_repl_offset')));
    return position.epoch === role.epoch ? position : undefined;
  }

  async hasCaughtUp(role: ReplicaRole): Promise<boolean> {
    const { options, client } = this.#parts;
    if ((await this.isFollowing(role)) === undefined) return false;
    if (this.#goal === undefined) {
      const { offset, isPrimary } = await askShare(options, role.upstream);
      if (offset === null || !isPrimary) return false;
      this.#goal = offset;
    }
    return Number((await client.info('replication')).get('master_repl_offset')) >= this.#goal;
  }

  /** Copies another member's data into an empty server, which is a replica of nobody afterwards. */
  async copy(source: Upstream): Promise<Position> {
    const { options, record, client } = this.#parts;
    const share = await askShare(options, source);
    await this.#learn(share);
    await this.ensureRunning();
    await this.#callItself(COPY_NAME);
    await client.call('REPLICAOF', source.address, source.port);
    const { clock } = options;
    const [begin, end] = [clock.monotonicMs() + COPY_BEGINS_MS, clock.monotonicMs() + COPY_MS];
    for (;;) {
      const info = await client.info('replication').catch(() => undefined);
      if (info !== undefined && isLinked(info, source)) break;
      const hasBegun = info === undefined || info.get('master_sync_in_progress') === '1';
      if (clock.monotonicMs() > (hasBegun ? end : begin)) {
        throw new DriverError('unavailable', `No copy from ${source.memberId} begins.`);
      }
      await sleep(options, POLL_MS);
    }
    this.#pending = share.lineage;
    await this.becameKnown();
    await client.call('REPLICAOF', ...NOBODY);
    const offset = Number((await client.info('replication')).get('master_repl_offset'));
    return positionAt(record.value.lineage, offset);
  }

  /** What these data hold beyond those of another; of one that led and ended uncleanly it is not known. */
  async compare(share: Share): Promise<{ offset: number | null; leftAt: number } | undefined> {
    const { record, client } = this.#parts;
    const { lineage, led } = record.value;
    if (!this.isKnown) {
      const hasLed = led !== 0 && lineage.at(-1)?.epoch === led;
      return hasLed ? { offset: null, leftAt: 0 } : undefined;
    }
    const offset = Number((await client.info('replication')).get('master_repl_offset'));
    const found = divergence(lineage, offset, share.lineage);
    return found === undefined ? undefined : { offset, leftAt: found.leftAt };
  }

  /** A replica keeps the users of its primary, and knows whose its data are. It takes its time, and nobody waits. */
  async keepHouse(role: Role | undefined): Promise<void> {
    const { options, client, record, accounts } = this.#parts;
    const now = options.clock.monotonicMs();
    if (role?.kind !== 'replica' || this.#refusal !== undefined || now - this.#keptMs < HOUSE_MS) return;
    this.#keptMs = now;
    const share = await askShare(options, role.upstream);
    const info = await client.info('replication');
    if (!share.isPrimary || !isLinked(info, role.upstream)) return;
    await this.becameKnown();
    const isOther = JSON.stringify(share.lineage) !== JSON.stringify(record.value.lineage);
    if (isOther && share.lineage.at(-1)?.epoch === role.epoch) await record.change({ lineage: share.lineage });
    await accounts.takeShare(share);
  }

  async #learn(share: Share): Promise<void> {
    const { record, client, server, accounts } = this.#parts;
    const { secret } = share;
    if (secret !== record.value.secret) {
      await record.change({ secret });
      if (server.pid !== undefined) await client.call('CONFIG', 'SET', 'masterauth', secret);
    }
    await accounts.takeShare(share);
  }

  /** The upstream knows it by the name of its present connection. */
  async #callItself(name: string): Promise<void> {
    const { client } = this.#parts;
    const known = (await client.call('CONFIG', 'GET', 'replica-announce-ip')) as string[];
    if (known[1] === name) return;
    await client.call('CONFIG', 'SET', 'replica-announce-ip', name);
    await client.call('REPLICAOF', ...NOBODY);
  }

  async #writeFiles(): Promise<void> {
    const { options, layout, record } = this.#parts;
    const { address, serverPort: port, memoryMib, memberId, files, owner } = options;
    const text = renderConfig({
      ...{ address, port, layout, memoryMib, secret: record.value.secret, parameters: this.#parameters },
      streamName: memberId,
    });
    await files.writeDurably(layout.configFile, text, { mode: 0o600, owner });
  }
}

function isLinked(info: ReadonlyMap<string, string>, upstream: Upstream): boolean {
  return (
    info.get('master_link_status') === 'up' &&
    info.get('master_host') === upstream.address &&
    info.get('master_port') === String(upstream.port)
  );
}
