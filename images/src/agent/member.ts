// One member: its durable state and the driver of its database. A command is first stored, then done; what is stored is
// what the member becomes again after any crash, with nobody's help.
import type { ParameterDefinition } from '@argosy/datastores';
import { DivergedError, type Driver, type ReplicaRole, type Role } from '@argosy/datastores/drivers';
import {
  type Clock,
  type CommandHeader,
  type FollowRequest,
  type FollowResponse,
  type InitialiseRequest,
  type OpenRequest,
  type Position,
  type PromiseRequest,
  type PromoteRequest,
  pause,
  type RejoinRequest,
  type RejoinResponse,
  type RestRequest,
  type RestResponse,
  type SeedRequest,
  type SetAccountsRequest,
  type SetAccountsResponse,
  type SetParametersRequest,
  type SetParametersResponse,
} from '@argosy/proto';
import { status } from '@grpc/grpc-js';
import type { Logger } from 'pino';
import type { Grantor } from '../lease/grantor.ts';
import { admit, CommandError, refused } from './admission.ts';
import { CommandQueue, commandKey } from './command-queue.ts';
import { setParameters } from './parameters.ts';
import { alreadyBack, brokenOff, hasDiverged, rejoin, unlessDiverged } from './rejoin.ts';
import { type Resumption, resumptionOfRole, takeUpRole } from './resumption.ts';
import {
  accountsOf,
  primaryRoleOf,
  replicaRoleOf,
  requireCompleteData,
  requireData,
  requireLeaseAtDoor,
  upstreamOf,
} from './roles.ts';
import type { StateFile } from './state.ts';

const WATCH_MS = 100;
const OPEN_POLL_MS = 20;
const FOLLOW_POLL_MS = 25;
const FOLLOW_WAIT_MS = 60_000;
const OPEN_WAIT_MS = 600_000;
const END_PATIENCE_MS = 3_000;

export interface MemberParts {
  readonly file: StateFile;
  readonly driver: Driver;
  /** The parameters that the engine knows. */
  readonly definitions: Readonly<Record<string, ParameterDefinition>>;
  readonly clock: Clock;
  readonly log: Logger;
  /** Whether the member has a certificate yet: without one, no other member can reach its database. */
  readonly isEnrolled: () => boolean;
  /** Of an asynchronous cluster's member: what it lets its primary do. */
  readonly grantor?: Grantor | undefined;
  readonly isArbiter?: boolean;
  /** Called when something changed that an observer wants to know at once. */
  readonly onChange: () => void;
}

export class Member {
  readonly #parts: MemberParts;
  readonly #queue = new CommandQueue();
  readonly #resumption: Resumption;
  #isEnding = false;
  #isOpen = false;

  constructor(parts: MemberParts) {
    this.#parts = parts;
    this.#resumption = resumptionOfRole(parts, this.#queue);
  }

  /** Whether this primary admits clients. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  get role(): Role | null {
    return this.#parts.file.state.role;
  }

  /** Finds what runs, sees that the rest is at rest, and takes the stored role up again. */
  async resume(): Promise<void> {
    const { driver, file, log } = this.#parts;
    driver.onCrash(() => {
      log.warn({ epoch: file.state.epoch }, 'The database ended by itself.');
      this.#isOpen = false;
      this.#parts.onChange();
      this.#resumption.soon();
    });
    const { role, data } = file.state;
    const isWhole = data.status === 'initialised' || data.status === 'copied';
    const found = await driver.recover(isWhole ? role : null);
    if (found) log.info({ epoch: file.state.epoch }, 'Took over a running database.');
    // Without a role it is at rest: what was promised may not have been done to its end.
    if (found && (role === null || !isWhole)) await driver.stop();
    if (role !== null && isWhole) this.#resumption.soon();
    this.#watch();
  }

  async initialise(request: InitialiseRequest): Promise<void> {
    this.#admit(request.header);
    await this.#queue.run(commandKey('initialise', request.header), async () => {
      const header = this.#admit(request.header);
      const { file, driver } = this.#parts;
      const { data } = file.state;
      if (data.status === 'initialised') return;
      if (data.status === 'copied') throw refused('The volume holds a copy of the cluster; it is not made empty.');
      await file.change({ data: { status: 'incomplete' }, specRevision: header.specRevision });
      await driver.initialise();
      await file.change({ data: { status: 'initialised' } });
    });
  }

  async seed(request: SeedRequest): Promise<Position> {
    this.#admit(request.header);
    return await this.#queue.run(commandKey('seed', request.header), async () => {
      const header = this.#admit(request.header);
      const { file, driver } = this.#parts;
      const source = upstreamOf(request.primary);
      const { data, role, epoch, generation } = file.state;
      const { idempotencyKey, specRevision } = header;
      if (data.status === 'copied' && data.idempotencyKey === idempotencyKey) return data.position;
      // What a member of this epoch holds may be the acknowledged copy of a write.
      const isOfEpoch = data.status !== 'incomplete' && role !== null && role.epoch >= header.epoch;
      if (isOfEpoch && !(role.kind === 'replica' && (await hasDiverged(this.#parts.driver)))) {
        throw refused(
          `This member is a ${role.kind} in epoch ${role.epoch}; a copy in epoch ${header.epoch} would wipe it.`,
        );
      }
      await file.change({
        ...{ epoch: header.epoch, generation: header.epoch > epoch ? 0 : generation, specRevision },
        ...{ data: { status: 'incomplete' }, role: null, promise: null },
      });
      const position = await driver.seed(source);
      await file.change({ data: { status: 'copied', idempotencyKey, position, isCaughtUp: false } });
      return position;
    });
  }

  /** Brings back a log that went another way; at rest afterwards. */
  async rejoin(request: RejoinRequest): Promise<RejoinResponse> {
    this.#admit(request.header);
    return await this.#queue.run(commandKey('rejoin', request.header), async () => {
      const header = this.#admit(request.header);
      const { data, role } = this.#parts.file.state;
      if (data.status !== 'incomplete' && role !== null && role.epoch >= header.epoch) {
        if (role.kind !== 'replica') throw refused(`This member is the primary in epoch ${role.epoch}.`);
        if (!(await hasDiverged(this.#parts.driver))) return await alreadyBack(this.#parts, header);
      }
      this.#isOpen = false;
      const { mustKeepTail } = request;
      return await rejoin(this.#parts, { header, source: upstreamOf(request.primary), mustKeepTail });
    });
  }

  async promote(request: PromoteRequest): Promise<Position> {
    this.#admit(request.header);
    return await this.#queue.run(commandKey('promote', request.header), async () => {
      const header = this.#admit(request.header);
      const { driver, file } = this.#parts;
      const role = primaryRoleOf(file.state, header, request);
      this.#requireCertificate();
      requireCompleteData(file.state);
      requireLeaseAtDoor(role, this.#parts.grantor !== undefined);
      await this.#store(header, role);
      return await this.#resumption.orLater(driver.lead(role));
    });
  }

  /** Answers when it streams; follows on even when the caller does not wait for that. */
  async follow(request: FollowRequest, signal: AbortSignal): Promise<FollowResponse> {
    this.#admit(request.header);
    try {
      return { position: await this.#follow(request, signal), divergence: undefined };
    } catch (error) {
      if (!(error instanceof DivergedError)) throw error;
      const { bytes: tailBytes, transactions: tailTransactions } = error.tail;
      return { position: undefined, divergence: { reason: error.message, tailBytes, tailTransactions } };
    }
  }

  async #follow(request: FollowRequest, signal: AbortSignal): Promise<Position> {
    const role = await this.#queue.run(commandKey('follow', request.header), async () => {
      const header = this.#admit(request.header);
      const { file, driver } = this.#parts;
      const replica = replicaRoleOf(file.state, header, request);
      this.#requireCertificate();
      // Whoever asks cannot know that a copy was broken off in an earlier epoch: it is told what brings the member back.
      if (file.state.data.status === 'incomplete') throw brokenOff();
      requireData(file.state);
      await this.#store(header, replica);
      await this.#resumption.orLater(driver.follow(replica));
      return replica;
    });
    return await this.#untilFollowing(role, signal);
  }

  /** The member's word that it serves no older epoch, and where its log ends; a repeat is answered the same. */
  async promise(request: PromiseRequest): Promise<Position> {
    this.#admitPromise(request.header);
    const position = await this.#queue.run(commandKey('promise', request.header), async () => {
      const { epoch, specRevision } = this.#admitPromise(request.header);
      const { file, driver, onChange } = this.#parts;
      const { state } = file;
      if (state.epoch === epoch && state.promise !== null) return state.promise;
      await file.change({ epoch, generation: 0, specRevision, role: null, promise: null });
      this.#isOpen = false;
      onChange();
      const promise = await driver.withdraw();
      await file.change({ promise });
      onChange();
      return promise;
    });
    // It is promised, and nothing more is granted; but it does not count while the old primary may still acknowledge.
    await this.#parts.grantor?.untilOver();
    return position;
  }

  /**
   * Ends the database cleanly. Nothing of that is stored: an agent that starts anew takes its role up again, for either
   * its volume was not taken yet, or it is back.
   */
  async rest(request: RestRequest): Promise<RestResponse> {
    this.#admit(request.header);
    return await this.#queue.run(commandKey('rest', request.header), async () => {
      const { specRevision } = this.#admit(request.header);
      const { driver, file, onChange } = this.#parts;
      await file.change({ specRevision });
      this.#resumption.hold();
      this.#isOpen = false;
      await driver.stop();
      onChange();
      return {};
    });
  }

  /** Answers when the client door is open and the rule of the header's generation has its voters. */
  async open(request: OpenRequest, signal: AbortSignal): Promise<Position> {
    const header = this.#admit(request.header);
    const { clock, driver } = this.#parts;
    const deadline = clock.monotonicMs() + OPEN_WAIT_MS;
    while (!signal.aborted && clock.monotonicMs() < deadline) {
      const { role, epoch, generation } = this.#parts.file.state;
      if (role?.kind !== 'primary' || epoch !== header.epoch || generation !== header.generation) {
        throw refused(
          `This member is not the primary of epoch ${header.epoch} by generation ${header.generation}: it is ${role === null ? 'nothing yet' : `a ${role.kind}`} in epoch ${epoch}, generation ${generation}.`,
        );
      }
      if (this.#isOpen && (await driver.hasQuorum({ epoch, generation }).catch(() => false))) {
        const { position } = await driver.probe();
        if (position !== undefined) return position;
      }
      await pause(clock, OPEN_POLL_MS, signal);
    }
    throw new CommandError(status.DEADLINE_EXCEEDED, 'Too few voters have flushed what this rule began with.');
  }

  /** Answers when the member is in its role again. */
  async setParameters(request: SetParametersRequest, signal: AbortSignal): Promise<SetParametersResponse> {
    this.#admit(request.header);
    const answer = await this.#queue.run(commandKey('set parameters', request.header), async () => {
      const header = this.#admit(request.header);
      const hold = (): void => {
        this.#resumption.hold();
        this.#isOpen = false;
        this.#parts.onChange();
      };
      const now = this.role;
      const takeUp = now === null ? undefined : () => takeUpRole(now, this.#parts.driver);
      const parts = { ...this.#parts, epoch: now?.epoch, takeUp, hold, resume: () => this.#resumption.soon() };
      return await setParameters(parts, header, request);
    });
    const { role, epoch } = this.#parts.file.state;
    if (answer.restartNeeded || role === null || role.epoch !== epoch) return answer;
    if (role.kind === 'replica') await this.#untilFollowing(role, signal);
    else await this.open({ header: request.header }, signal);
    return answer;
  }

  async setAccounts(request: SetAccountsRequest): Promise<SetAccountsResponse> {
    this.#admit(request.header);
    return await this.#queue.run(commandKey('set accounts', request.header), async () => {
      const { epoch, specRevision } = this.#admit(request.header);
      const { driver, file } = this.#parts;
      if (file.state.role?.epoch !== epoch) throw refused(`This member has no role in epoch ${epoch}.`);
      await file.change({ specRevision });
      await driver.setAccounts(accountsOf(request));
      return {};
    });
  }

  /** Renews what the database shows; it serves on. */
  async certificateChanged(install: () => Promise<void>): Promise<void> {
    await this.#queue.run('certificate', install);
  }

  /** Stops the database cleanly; a command that is under way is waited for, but not for long. */
  async end(): Promise<void> {
    const { clock, driver } = this.#parts;
    this.#isEnding = true;
    this.#resumption.end();
    let ending: Promise<void> | undefined;
    const stop = (): Promise<void> => {
      ending ??= driver.stop();
      return ending;
    };
    const queued = this.#queue.run('end', stop);
    // A copy may take hours: it is broken off, and its mark stays on the volume.
    await Promise.race([queued, pause(clock, END_PATIENCE_MS).then(stop)]);
  }

  #admit(header: CommandHeader | undefined): CommandHeader {
    return admit(this.#parts.file.state, header);
  }

  #admitPromise(requested: CommandHeader | undefined): CommandHeader {
    const header = this.#admit(requested);
    const { state } = this.#parts.file;
    if (header.epoch < 1) throw new CommandError(status.INVALID_ARGUMENT, 'Epochs begin with 1.');
    // One that comes late must not end what was decided by it.
    if (state.role?.epoch === header.epoch) {
      throw refused(`This member is a ${state.role.kind} in epoch ${header.epoch} already.`);
    }
    if (this.#parts.isArbiter !== true) requireCompleteData(state);
    return header;
  }

  #requireCertificate(): void {
    if (!this.#parts.isEnrolled()) throw refused('This member has no certificate yet.');
  }

  async #store(header: CommandHeader, role: Role): Promise<void> {
    const { epoch, generation, specRevision } = header;
    // A primary that takes a new rule serves on.
    if (this.role?.epoch !== epoch) this.#isOpen = false;
    await this.#parts.file.change({ epoch, generation, specRevision, role, promise: null });
    this.#parts.onChange();
  }

  async #untilFollowing(role: ReplicaRole, signal: AbortSignal): Promise<Position> {
    const { clock, driver } = this.#parts;
    const deadline = clock.monotonicMs() + FOLLOW_WAIT_MS;
    while (!signal.aborted && clock.monotonicMs() < deadline && this.role === role) {
      const position = await driver.isFollowing().catch(unlessDiverged);
      if (position !== undefined && (await this.#isComplete().catch(() => false))) {
        this.#parts.onChange();
        return position;
      }
      await pause(clock, FOLLOW_POLL_MS, signal);
    }
    const { memberId } = role.upstream;
    throw new CommandError(
      status.UNAVAILABLE,
      `No stream from ${memberId} in epoch ${role.epoch} yet; it is tried on.`,
    );
  }

  /** True when the data vouches for itself; takes the mark off a copy that has caught up. */
  async #isComplete(): Promise<boolean> {
    const { file, driver, onChange } = this.#parts;
    const { data, role } = file.state;
    if (data.status !== 'copied' || data.isCaughtUp) return true;
    if (role?.kind !== 'replica' || !(await driver.hasCaughtUp())) return false;
    return await this.#queue.run('caught up', async () => {
      if (file.state.data !== data || file.state.role !== role) return false;
      await file.change({ data: { ...data, isCaughtUp: true } });
      onChange();
      return true;
    });
  }

  /** What happens by itself: the door of a primary opens, a copy catches up. */
  #watch(): void {
    const { clock, driver, onChange } = this.#parts;
    const look = async (): Promise<void> => {
      if (this.role?.kind === 'primary' && this.#queue.isIdle) {
        const isOpen = await driver.tryOpen().catch(() => false);
        if (isOpen !== this.#isOpen) {
          this.#isOpen = isOpen;
          onChange();
        }
      } else if (this.role?.kind === 'replica' && this.#queue.isIdle) {
        await this.#isComplete().catch(() => false);
      }
      if (!this.#isEnding) clock.after(WATCH_MS, () => void look());
    };
    void look();
  }
}
