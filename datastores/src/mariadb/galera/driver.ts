// The driver of MariaDB's Galera: what the agent asks, in terms of one server among those that rule themselves. Copies come
// by the agents; the servers hand over to each other only what happened since. Who is a member stands in a table of the
// group's own, and a server that is not named there leaves.
import type { Accounts } from '../../accounts.ts';
import type { Position } from '../../definition.ts';
import {
  type Admin,
  DriverError,
  type DriverOptions,
  type ProbeResult,
  type ServerCertificate,
  type Upstream,
} from '../../driver.ts';
import type { ParameterValues } from '../../parameters.ts';
import type { RuledDriver } from '../../ruled-driver.ts';
import { sleep } from '../../server-process.ts';
import { reconfigure } from '../configure.ts';
import { ensureAdmin, ensureOwnObjects } from '../contents.ts';
import { streamData } from '../copy.ts';
import { SOCKET_PATH_BYTES } from '../layout.ts';
import { MemberFiles } from '../member-files.ts';
import { newConnection } from '../parts.ts';
import { MariadbServer } from '../server.ts';
import { setAccounts } from '../tenants.ts';
import { copyTool, groupAddress, groupStartStatements, renderGroupConfig, serverNameIn } from './config.ts';
import { copyFrom, forgetView, type GroupParts, makeEmptyDatabase, recover, tellPosition } from './data.ts';
import { enterBy } from './entering.ts';
import { askGroup, enlist, MEMBERS_OBJECTS, othersWithData, seenQuery, strike } from './group.ts';
import { groupLayoutOf, type Layout } from './layout.ts';
import { type GroupPosition, writeGroupPosition } from './position.ts';
import { GroupProbe, result } from './probe.ts';
import { Record } from './record.ts';

/** A member that is struck off the list sees it within a second and leaves; one that does not is put out. */
const LEAVE_MS = 12_000;
const PUT_OUT_MS = 6_000;
const LEAVE_POLL_MS = 100;
/** The server's own client answers sooner. */
const ANSWER_MS = 1_000;
const DOES_ANSWER = [() => true, () => false] as const;

/** @throws DriverError `refused` when a path is longer than the server takes. */
export function galeraDriver(options: DriverOptions): RuledDriver {
  const layout = groupLayoutOf(options.volume, options.runFolder);
  if (Buffer.byteLength(layout.socket) > SOCKET_PATH_BYTES) {
    throw new DriverError('refused', `"${layout.socket}" is longer than a Unix socket's path may be.`);
  }
  return new GaleraDriver(options, layout);
}

class GaleraDriver implements RuledDriver {
  readonly #parts: GroupParts;
  readonly #files: MemberFiles;
  readonly #record: Record;
  readonly #probe: GroupProbe;
  #hasNewCertificate = false;
  /** Why it could not be started last. */
  #failure: string | undefined;
  /** Of what the probe found last: it is stopping a server that is no member any more. */
  #leaving: Promise<void> | undefined;

  constructor(options: DriverOptions, layout: Layout) {
    const server = new MariadbServer(options, layout, { PATH: `${layout.toolsFolder}:/usr/bin:/bin` });
    this.#parts = { options, layout, server, control: newConnection({ options, layout }) };
    const { memberId, region } = options;
    this.#files = new MemberFiles(options, layout, {
      config: (settings) => renderGroupConfig({ ...settings, layout, memberId, region }),
      statements: groupStartStatements,
    });
    this.#record = new Record(options, layout);
    this.#probe = new GroupProbe(this.#parts);
  }

  async recover(): Promise<boolean> {
    const { options, layout, server } = this.#parts;
    const { files, owner } = options;
    for (const folder of [...layout.folders, layout.socketFolder]) {
      await files.ensureFolder(folder, { mode: 0o700, owner });
    }
    await this.#record.open();
    await files.writeDurably(layout.toolFile, copyTool(layout), { mode: 0o700, owner });
    if (await server.adopt()) return true;
    await server.clear();
    return false;
  }

  async installCertificate(certificate: ServerCertificate): Promise<void> {
    await this.#files.writeCertificate(certificate);
    this.#hasNewCertificate = true;
    await this.#showCertificate();
  }

  async found(admin: Admin): Promise<void> {
    const { server, control } = this.#parts;
    await this.stop();
    await makeEmptyDatabase(this.#parts);
    await this.#record.draw();
    await this.#files.write();
    const told = await tellPosition(this.#parts, undefined, { begins: true });
    await server.start(['--wsrep-new-cluster', ...told]);
    await ensureOwnObjects(control);
    for (const statement of MEMBERS_OBJECTS) await control.query(statement);
    await ensureAdmin(control, admin);
    await control.query(enlist(this.#self));
    await this.stop();
    await this.#record.change({ members: [this.#self], isAsked: false, isCopying: false, isDismissed: false });
  }

  async enter(peers: readonly Upstream[], signal: AbortSignal): Promise<void> {
    await this.stop();
    await this.#record.change({ isCopying: true, isDismissed: false, members: [this.#self, ...peers] });
    const parts = { ...this.#parts, record: this.#record };
    await enterBy(peers, { ...parts, self: this.#self, signal }, (peer) => this.#copy(peer));
  }

  async isCounted(peers: readonly Upstream[]): Promise<boolean> {
    if (this.#record.content.isDismissed) return false;
    const told = await askGroup(peers, this.#parts);
    if (told !== undefined) return told.isCounted;
    throw new DriverError('unavailable', 'No other member of the cluster tells who its members are.');
  }

  async start(): Promise<void> {
    if (this.isRunning()) return;
    try {
      await this.#begin();
      this.#failure = undefined;
    } catch (error) {
      this.#failure = error instanceof Error ? error.message : String(error);
      throw error;
    }
  }

  async #begin(): Promise<void> {
    const { isCopying, isDismissed } = this.#record.content;
    if (isDismissed) throw new DriverError('refused', 'The cluster counts this member no more.');
    if (isCopying) await this.#copyFromAny();
    await this.#files.write();
    const position = await recover(this.#parts);
    const { isAlone } = this.#record;
    const told = isAlone ? undefined : await askGroup(this.#others, this.#parts);
    if (told?.isCounted === false) {
      await this.#record.change({ isDismissed: true });
      throw new DriverError('refused', 'The cluster counts this member no more.');
    }
    if (told !== undefined && position !== undefined && !(await this.#goesOn(position, told)))
      return await this.#begin();
    await this.#launch(position, { begins: isAlone });
  }

  async isServing(): Promise<boolean> {
    if (!this.isRunning()) return false;
    return (await this.#probe.run()).result.isUp;
  }

  async recovered(): Promise<Position | undefined> {
    if (this.isRunning()) throw new DriverError('refused', 'The server runs.');
    if (this.#record.content.isCopying) return undefined;
    await this.#files.write();
    const position = await recover(this.#parts);
    await forgetView(this.#parts);
    return position && { epoch: 1, value: writeGroupPosition(position) };
  }

  async refound(): Promise<void> {
    await this.stop();
    if (this.#record.content.isCopying) throw new DriverError('refused', 'The data are not whole.');
    await this.#files.write();
    const position = await recover(this.#parts);
    if (position === undefined) throw new DriverError('refused', 'The data are of no group.');
    await this.#launch(position, { begins: true });
  }

  async dismiss({ memberId }: Upstream): Promise<void> {
    const { control, options } = this.#parts;
    await control.query(strike(memberId));
    const beganMs = options.clock.monotonicMs();
    let isPutOut = false;
    for (;;) {
      const [seen] = await control.query(seenQuery(serverNameIn(memberId)));
      if (seen === undefined) return;
      const waitedMs = options.clock.monotonicMs() - beganMs;
      if (waitedMs > LEAVE_MS + PUT_OUT_MS) break;
      if (waitedMs > LEAVE_MS && !isPutOut) {
        isPutOut = true;
        await control.query('set global wsrep_provider_options = ?', [`evs.evict=${seen.node_uuid}`]);
      }
      await sleep(options, LEAVE_POLL_MS);
    }
    throw new DriverError('unavailable', `${memberId} has not left the group yet.`);
  }

  async configure(parameters: ParameterValues): Promise<void> {
    if (this.isRunning()) return await reconfigure(this.#files, parameters, this.#parts.control);
    this.#files.parameters = parameters;
    await this.#files.write();
  }

  async setAccounts(accounts: Accounts): Promise<void> {
    const connection = newConnection(this.#parts);
    try {
      await setAccounts(accounts, connection);
    } finally {
      connection.close();
    }
  }

  async probe(): Promise<ProbeResult> {
    const { server } = this.#parts;
    await server.limitLog();
    if (!this.isRunning()) return result(`The database does not run: ${await this.#whyNot()}`, undefined);
    await this.#showCertificate();
    const { result: found, members, standing } = await this.#probe.run();
    if (members !== undefined) await this.#note(members, standing?.size ?? 0);
    return found;
  }

  async share(): Promise<string> {
    return await this.#record.share();
  }

  async *copyOut(): AsyncIterable<Uint8Array> {
    if (!(await this.isServing()))
      throw new DriverError('unavailable', 'This member does not serve, and gives no copies.');
    yield* streamData(this.#parts, await this.#files.dataUser());
  }

  async stop(): Promise<void> {
    const { control, server } = this.#parts;
    // One that still looks for the others hears no signal; it has told nobody anything.
    const answers = this.isRunning() && (await control.query('select 1', [], ANSWER_MS).then(...DOES_ANSWER));
    this.#disconnect();
    await (answers ? server.stop() : server.end());
  }

  async cutPower(): Promise<void> {
    await this.#parts.server.cutPower();
  }

  isRunning(): boolean {
    return this.#parts.server.pid !== undefined;
  }

  onCrash(call: () => void): void {
    this.#parts.server.onCrash(() => {
      this.#disconnect();
      call();
    });
  }

  async release(): Promise<void> {
    this.#disconnect();
    this.#parts.server.release();
  }

  get #self(): Upstream {
    const { memberId, address, port, serverName } = this.#parts.options;
    return { memberId, address, port, serverName };
  }

  get #others(): readonly Upstream[] {
    return othersWithData(this.#record.content.members, this.#self.memberId);
  }

  async #launch(position: GroupPosition | undefined, { begins }: { readonly begins: boolean }): Promise<void> {
    const told = await tellPosition(this.#parts, position, { begins });
    const addresses = [this.#self, ...this.#others].map(({ address }) => address);
    const beginning = begins ? ['--wsrep-new-cluster'] : [];
    await this.#parts.server.launch([...told, `--wsrep-cluster-address=${groupAddress(addresses)}`, ...beginning]);
  }

  /** True when the others can hand over what is missing; else the data will be copied anew. */
  async #goesOn(
    { history, sequence }: GroupPosition,
    { reached, remembered }: { readonly reached: GroupPosition; readonly remembered: bigint },
  ): Promise<boolean> {
    if (history !== reached.history) {
      throw new DriverError(
        'refused',
        'The data are of another history than the cluster: the member is to be replaced.',
      );
    }
    if (sequence >= remembered - 1n) return true;
    this.#parts.options.log.info({ sequence: String(sequence) }, 'The others remember less than is missing: copying.');
    await this.#record.change({ isCopying: true });
    return false;
  }

  async #copyFromAny(): Promise<void> {
    let reason: unknown;
    for (const peer of this.#others) {
      try {
        return await this.#copy(peer);
      } catch (error) {
        reason = error;
      }
    }
    throw new DriverError('unavailable', 'No member of the cluster gives a copy of its data.', { cause: reason });
  }

  async #copy(peer: Upstream): Promise<void> {
    await this.#files.write();
    await copyFrom(this.#parts, peer);
    await this.#record.change({ isCopying: false });
  }

  /** Who the others are is known to the next start; one that is no member any more ends. */
  async #note(members: readonly Upstream[], size: number): Promise<void> {
    const isCounted = members.some(({ memberId }) => memberId === this.#self.memberId);
    if (!isCounted) {
      this.#leaving ??= this.#leave().finally(() => {
        this.#leaving = undefined;
      });
      return await this.#leaving;
    }
    if (JSON.stringify(members) !== JSON.stringify(this.#record.content.members)) {
      // One that was dismissed and has not left yet may still acknowledge something.
      if (members.length === 1 && size > 1) return;
      await this.#record.change({ members, ...(members.length > 1 && { isAsked: false }) });
    }
  }

  async #leave(): Promise<void> {
    await this.#record.change({ isDismissed: true });
    this.#parts.options.log.info({}, 'The cluster counts this member no more: it leaves.');
    await this.stop();
  }

  async #whyNot(): Promise<string> {
    const { isDismissed, isCopying } = this.#record.content;
    if (isDismissed) return 'the cluster counts this member no more.';
    if (isCopying) return 'its data are being copied.';
    return this.#failure ?? (await this.#parts.server.complaint());
  }

  /** The running server reads the certificate's files anew; one that does not answer is asked again by the next probe. */
  async #showCertificate(): Promise<void> {
    if (!this.#hasNewCertificate || !this.isRunning()) return;
    this.#hasNewCertificate = false;
    await this.#parts.control.query('flush local ssl').catch(() => {
      this.#hasNewCertificate = true;
    });
  }

  #disconnect(): void {
    this.#parts.control.close();
    this.#probe.close();
  }
}
