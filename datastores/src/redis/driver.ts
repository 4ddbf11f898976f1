// The driver of Redis: what the agent asks, in terms of one server that is told what it is. A server is never a primary
// but by word of mouth, and a primary that has promised becomes a replica of nobody in one command, which no write can
// come between.
import { randomUUID } from 'node:crypto';
import type { Accounts as Tenants } from '../accounts.ts';
import type { Position } from '../definition.ts';
import {
  type Driver,
  DriverError,
  type DriverOptions,
  type KeptTail,
  type PrimaryRole,
  type ProbeResult,
  type Progress,
  type ReplicaRole,
  type Role,
  type ServerCertificate,
  type Upstream,
} from '../driver.ts';
import type { ParameterValues } from '../parameters.ts';
import { Accounts } from './accounts.ts';
import { Client } from './client.ts';
import { NOBODY } from './config.ts';
import { type Layout, layoutOf, SOCKET_PATH_BYTES } from './layout.ts';
import { comparePositions, positionAt, positionOf, reignAfter, unknownPosition } from './lineage.ts';
import { Probe, streamsOf } from './probe.ts';
import { RecordFile } from './record.ts';
import { RedisServer } from './server.ts';
import { askShare, type Share } from './share.ts';
import { Standby } from './standby.ts';
import { keepTail } from './tail.ts';

/** How long a primary waits before it steps down, for its replicas to have what it wrote. */
const HANDOVER_MS = 1_000;
/** A member that does not answer by then says nothing of what it has. */
const ASK_MS = 1_500;

/** @throws DriverError `refused` when the path of the socket is too long */
export function redisDriver(options: DriverOptions): Driver {
  const layout = layoutOf(options.volume, options.runFolder);
  if (Buffer.byteLength(layout.socket) > SOCKET_PATH_BYTES) {
    throw new DriverError('refused', `"${layout.socket}" is longer than a Unix socket's path may be.`);
  }
  return new RedisDriver(options, layout);
}

class RedisDriver implements Driver {
  readonly #options: DriverOptions;
  readonly #layout: Layout;
  readonly #record: RecordFile;
  readonly #client: Client;
  readonly #server: RedisServer;
  readonly #accounts: Accounts;
  readonly #standby: Standby;
  readonly #probe: Probe;
  #role: Role | undefined;
  /** The running server has not taken up the certificate's files yet. */
  #hasNewCertificate = false;
  #isGivenUp = false;

  constructor(options: DriverOptions, layout: Layout) {
    this.#options = options;
    this.#layout = layout;
    this.#record = new RecordFile(options, layout);
    this.#client = new Client(layout.socket, () => this.#record.value.agentSecret);
    this.#server = new RedisServer(options, layout, this.#client);
    const parts = { options, layout, record: this.#record, client: this.#client };
    this.#accounts = new Accounts({ ...parts, server: this.#server });
    this.#standby = new Standby({ ...parts, server: this.#server, accounts: this.#accounts });
    this.#probe = new Probe({
      ...{ options, client: this.#client, role: () => this.#role, accounts: this.#accounts },
      position: (offset) => this.#positionHere(offset),
      keepHouse: async () => {
        await this.#showCertificate();
        await this.#standby.keepHouse(this.#role);
      },
    });
  }

  async recover(role: Role | null): Promise<boolean> {
    const { owner, files } = this.#options;
    for (const folder of [...this.#layout.folders, this.#layout.socketFolder]) {
      await files.ensureFolder(folder, { mode: 0o700, owner });
    }
    await this.#record.open();
    if (!(await this.#server.adopt())) {
      await this.#server.clear();
      return false;
    }
    await this.#accounts.recover();
    await this.#standby.recover();
    this.#role = role ?? undefined;
    return true;
  }

  async installCertificate({ certificate, key, root }: ServerCertificate): Promise<void> {
    const { files, owner } = this.#options;
    const options = { mode: 0o600, owner };
    await files.writeDurably(this.#layout.rootFile, root, options);
    await files.writeDurably(this.#layout.keyFile, key, options);
    await files.writeDurably(this.#layout.certificateFile, certificate, options);
    this.#hasNewCertificate = true;
    await this.#showCertificate();
  }

  /** The running server takes up the certificate's files; one that does not answer is asked again by the next probe. */
  async #showCertificate(): Promise<void> {
    if (!this.#hasNewCertificate || !this.isRunning()) return;
    const { certificateFile, keyFile, rootFile } = this.#layout;
    const settings = ['tls-cert-file', certificateFile, 'tls-key-file', keyFile, 'tls-ca-cert-file', rootFile];
    try {
      await this.#client.call('CONFIG', 'SET', ...settings);
      this.#hasNewCertificate = false;
    } catch (error) {
      if (!(error instanceof DriverError && error.code === 'unavailable')) throw error;
    }
  }

  async initialise(): Promise<void> {
    this.#role = undefined;
    await this.stop();
    await this.#standby.empty();
    // An empty database is whole: it begins with nothing, and knows it.
    await this.#record.change({ cleanAt: 0 });
  }

  async seed(source: Upstream): Promise<Position> {
    this.#role = undefined;
    await this.stop();
    await this.#standby.empty();
    return await this.#standby.copy(source);
  }

  async saveTail(
    source: Upstream,
    { epoch, mustKeep }: { readonly epoch: number; readonly mustKeep: boolean },
  ): Promise<KeptTail | undefined> {
    this.#role = undefined;
    await this.withdraw();
    const share = await askShare(this.#options, source);
    const found = await this.#standby.compare(share);
    if (found === undefined) return undefined;
    await this.stop();
    const { lineage } = this.#record.value;
    return await keepTail({ ...found, lineage, epoch, mustKeep }, { options: this.#options, layout: this.#layout });
  }

  async rewind(): Promise<Position> {
    throw new DriverError('refused', 'Redis cannot take its data back: they are copied.');
  }

  async lead(role: PrimaryRole): Promise<Position> {
    this.#standby.forget();
    if (!(await this.#leads(role))) await this.#becomePrimary(role);
    this.#role = role;
    this.#isGivenUp = false;
    const { acknowledgements } = role.rule;
    await this.#client.call('CONFIG', 'SET', 'min-replicas-to-write', acknowledgements);
    if (role.admin !== null) await this.#accounts.ensureAdmin(role.admin);
    return positionOf(this.#record.value.lineage, await this.#offset());
  }

  async tryOpen(): Promise<boolean> {
    const role = this.#role;
    if (role?.kind !== 'primary' || !this.isRunning()) return false;
    if (this.#accounts.isOpen) return true;
    if (!(await this.hasQuorum({ epoch: role.epoch, generation: role.rule.generation }))) return false;
    // The member may have become something else while it was asked.
    if (this.#role !== role) return false;
    await this.#accounts.open();
    this.#options.log.info({ epoch: role.epoch }, 'The client door is open.');
    return true;
  }

  async progress(): Promise<Progress | undefined> {
    const role = this.#role;
    if (role?.kind !== 'primary' || !this.isRunning()) return undefined;
    const info = await this.#client.info('replication');
    if (info.has('master_host')) return undefined;
    const { lineage } = this.#record.value;
    const offset = Number(info.get('master_repl_offset'));
    return {
      position: positionOf(lineage, offset),
      confirmed: streamsOf(info, role)
        .filter((stream) => stream.epoch === role.epoch)
        .map(({ memberId, lagBytes }) => ({ memberId, position: positionAt(lineage, offset - lagBytes) })),
    };
  }

  async hasQuorum({ epoch, generation }: { epoch: number; generation: number }): Promise<boolean> {
    const role = this.#role;
    if (role?.kind !== 'primary' || role.epoch !== epoch || role.rule.generation !== generation) return false;
    if (!this.isRunning()) return false;
    const streams = streamsOf(await this.#client.info('replication'), role);
    const voters = streams.filter(
      ({ countsForCommit, isStreaming, generation: own }) => countsForCommit && isStreaming && own === generation,
    );
    return new Set(voters.map(({ memberId }) => memberId)).size >= role.rule.acknowledgements;
  }

  async follow(role: ReplicaRole): Promise<void> {
    const known = this.#role?.kind === 'replica' ? this.#role : undefined;
    if (this.isRunning() && (await this.#isPrimary())) await this.withdraw();
    this.#role = role;
    this.#isGivenUp = false;
    await this.#standby.follow(role, known);
  }

  async isFollowing(): Promise<Position | undefined> {
    if (this.#role?.kind !== 'replica') return undefined;
    return await this.#standby.isFollowing(this.#role);
  }

  async hasCaughtUp(): Promise<boolean> {
    if (this.#role?.kind !== 'replica') return false;
    return await this.#standby.hasCaughtUp(this.#role);
  }

  async withdraw(): Promise<Position> {
    this.#role = undefined;
    this.#standby.forget();
    if (this.isRunning()) {
      try {
        await this.#stepDown();
      } catch (error) {
        if (error instanceof DriverError && error.code !== 'unavailable') throw error;
        this.#options.log.warn({ error }, 'The database does not answer; it is ended.');
        await this.#server.cutPower();
        await this.#server.clear();
        this.#server.release();
      }
    }
    await this.#standby.ensureRunning();
    return this.#positionHere(await this.#offset());
  }

  async configure(parameters: ParameterValues): Promise<void> {
    await this.#standby.configure(parameters);
  }

  async setAccounts(accounts: Tenants): Promise<void> {
    await this.#accounts.takeTenants(accounts);
  }

  async probe(): Promise<ProbeResult> {
    await this.#server.limitLog();
    const result = await this.#probe.run(this.isRunning());
    return this.#isGivenUp && !this.isRunning()
      ? {
          ...result,
          isGivenUp: true,
          detail: 'The database has ended, and others have what it had: one of them is to lead.',
        }
      : result;
  }

  /** What this member tells the others of its cluster. */
  async share(): Promise<string> {
    await this.#record.open();
    const { secret, users, accountsGeneration, lineage } = this.#record.value;
    const isRunning = this.isRunning() && this.#standby.isKnown;
    const offset = isRunning ? await this.#offset().catch(() => null) : null;
    const isPrimary = this.#role?.kind === 'primary';
    const share: Share = { secret, users, accountsGeneration, lineage, offset, isPrimary };
    return JSON.stringify(share);
  }

  async stop(): Promise<void> {
    this.#probe.forget();
    if (!this.isRunning()) return await this.#server.clear();
    const offset = await this.#stepDown().then(
      () => this.#offset(),
      () => undefined,
    );
    const { isKnown } = this.#standby;
    const isWhole = await this.#server.stop();
    this.#accounts.ended();
    await this.#record.change({ cleanAt: isWhole && isKnown && offset !== undefined ? offset : null, runId: null });
  }

  async cutPower(): Promise<void> {
    await this.#server.cutPower();
  }

  isRunning(): boolean {
    return this.#server.pid !== undefined;
  }

  onCrash(call: () => void): void {
    this.#server.onCrash(() => {
      this.#accounts.ended();
      this.#standby.forget();
      call();
    });
  }

  async release(): Promise<void> {
    this.#server.release();
  }

  async #leads(role: PrimaryRole): Promise<boolean> {
    if (!this.isRunning() || !(await this.#isPrimary())) return false;
    const { lineage, led } = this.#record.value;
    return led === role.epoch && lineage.at(-1)?.epoch === role.epoch;
  }

  async #isPrimary(): Promise<boolean> {
    return !(await this.#client.info('replication')).has('master_host');
  }

  async #offset(): Promise<number> {
    return Number((await this.#client.info('replication')).get('master_repl_offset'));
  }

  #positionHere(offset: number): Position {
    const { lineage, led } = this.#record.value;
    const epoch = lineage.at(-1)?.epoch ?? 0;
    const isOwn = led !== 0 && led === epoch;
    if (!this.#standby.isKnown) return unknownPosition(lineage, isOwn ? 'primary' : 'replica');
    return isOwn ? positionOf(lineage, offset) : positionAt(lineage, offset);
  }

  /** In one command a primary takes writes no more; its sessions are cut, and who copies it gets what it had. */
  async #stepDown(): Promise<void> {
    const isPrimary = await this.#isPrimary();
    if (isPrimary) {
      await this.#accounts.shut();
      const streams = (await this.#client.info('replication')).get('connected_slaves');
      await this.#client.call('WAIT', Number(streams ?? 0), HANDOVER_MS);
    }
    await this.#client.call('REPLICAOF', ...NOBODY);
    await this.#accounts.shut();
  }

  async #becomePrimary(role: PrimaryRole): Promise<void> {
    const { epoch } = role;
    const { lineage: before } = this.#record.value;
    const newest = before.at(-1)?.epoch ?? 0;
    if (newest > epoch) throw new DriverError('refused', `The data are of epoch ${newest}, newer than epoch ${epoch}.`);
    if (!this.isRunning() && !this.#standby.willBeKnown && newest === epoch) await this.#refuseIfOthersHave(role);
    if (this.isRunning() && (await this.#isPrimary())) await this.#stepDown();
    await this.#standby.ensureRunning();
    await this.#client.call('REPLICAOF', ...NOBODY);
    const offset = await this.#offset();
    const { lineage, led } = this.#record.value;
    const last = lineage.at(-1);
    const isKnown = this.#standby.isKnown;
    // What begins anew with what its file held is nothing that another's data go on with.
    const incarnation = isKnown ? 0 : last?.epoch === epoch ? last.incarnation + 1 : 0;
    const reign = { epoch, incarnation, id: randomUUID(), from: isKnown ? offset : 0 };
    const isBegun = isKnown && led === epoch && last?.epoch === epoch;
    if (!isBegun) {
      await this.#record.change({ led: epoch, lineage: isKnown ? reignAfter(lineage, reign) : [reign] });
    }
    await this.#client.call('REPLICAOF', 'NO', 'ONE');
    await this.#standby.untilLogged();
    await this.#standby.becameKnown();
    // The first bytes of the epoch: a replica that has them is of it.
    await this.#client.call('PUBLISH', 'argosy', String(epoch));
  }

  /** Redis is not started in place while another has more: its file may be a second behind what they got. */
  async #refuseIfOthersHave(role: PrimaryRole): Promise<void> {
    const asked = await Promise.allSettled(role.peers.map((peer) => this.#within(askShare(this.#options, peer))));
    const own = unknownPosition(this.#record.value.lineage, 'primary');
    const others = asked.flatMap((answer) =>
      answer.status === 'fulfilled' && answer.value !== undefined ? [answer.value] : [],
    );
    const has = others.some(
      ({ lineage, offset }) => offset !== null && comparePositions(positionAt(lineage, offset), own) > 0,
    );
    if (!has) return;
    this.#isGivenUp = true;
    this.#role = role;
    throw new DriverError('refused', 'The database ended, and a replica has what it had: another is to be elected.');
  }

  async #within<Answer>(work: Promise<Answer>): Promise<Answer | undefined> {
    return await new Promise((resolve, reject) => {
      this.#options.clock.after(ASK_MS, () => resolve(undefined));
      work.then(resolve, reject);
    });
  }
}
