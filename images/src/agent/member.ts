// One member: its durable state and the driver of its database. A command is first stored, then done; what is stored is
// what the member becomes again after any crash, with nobody's help.
import {
  type Driver,
  DriverError,
  type PrimaryRole,
  type ReplicaRole,
  type Role,
  type Upstream,
} from '@argosy/datastores/drivers';
import {
  type Clock,
  type CommandHeader,
  type FollowRequest,
  type InitialiseRequest,
  type OpenRequest,
  type Peer,
  type Position,
  type PromoteRequest,
  pause,
  type SeedRequest,
  type Timer,
} from '@argosy/proto';
import { status } from '@grpc/grpc-js';
import type { Logger } from 'pino';
import { admit, CommandError, refused } from './admission.ts';
import { CommandQueue } from './command-queue.ts';
import type { StateFile } from './state.ts';

const OPEN_POLL_MS = 100;
const FOLLOW_POLL_MS = 25;
const FOLLOW_WAIT_MS = 60_000;
const OPEN_WAIT_MS = 600_000;
const END_PATIENCE_MS = 3_000;
const RETRY_FIRST_MS = 200;
const RETRY_LAST_MS = 5_000;

export interface MemberParts {
  readonly file: StateFile;
  readonly driver: Driver;
  readonly clock: Clock;
  readonly log: Logger;
  /** Whether the member has a certificate yet: without one, no other member can reach its database. */
  readonly isEnrolled: () => boolean;
  /** Called when something changed that an observer wants to know at once. */
  readonly onChange: () => void;
}

export class Member {
  readonly #parts: MemberParts;
  readonly #queue = new CommandQueue();
  #isEnding = false;
  #isOpen = false;
  #retryMs = RETRY_FIRST_MS;
  #resumption: Timer | undefined;

  constructor(parts: MemberParts) {
    this.#parts = parts;
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
      this.#resumeLater(0);
    });
    const { role, data } = file.state;
    const isWhole = data.status === 'initialised' || data.status === 'copied';
    const found = await driver.recover(isWhole ? role : null);
    if (found) log.info({ epoch: file.state.epoch }, 'Took over a running database.');
    if (found && (role === null || !isWhole)) await driver.stop();
    if (role !== null && isWhole) this.#resumeLater(0);
    this.#watchDoor();
  }

  async initialise(request: InitialiseRequest): Promise<void> {
    this.#admit(request.header);
    await this.#queue.run(key('initialise', request.header), async () => {
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
    return await this.#queue.run(key('seed', request.header), async () => {
      const header = this.#admit(request.header);
      const { file, driver } = this.#parts;
      const source = upstreamOf(request.primary);
      const { data, role } = file.state;
      if (data.status === 'copied' && data.idempotencyKey === header.idempotencyKey) return data.position;
      // What a member of this epoch holds may be the acknowledged copy of a write.
      const isOfEpoch = data.status !== 'incomplete' && role !== null && role.epoch >= header.epoch;
      if (isOfEpoch && !(role.kind === 'replica' && (await this.#hasDiverged()))) {
        throw refused(
          `This member is a ${role.kind} in epoch ${role.epoch}; a copy in epoch ${header.epoch} would wipe it.`,
        );
      }
      await file.change({
        ...{ epoch: header.epoch, generation: this.#generationIn(header), specRevision: header.specRevision },
        ...{ data: { status: 'incomplete' }, role: null },
      });
      const position = await driver.seed(source);
      await file.change({ data: { status: 'copied', idempotencyKey: header.idempotencyKey, position } });
      return position;
    });
  }

  async promote(request: PromoteRequest): Promise<Position> {
    this.#admit(request.header);
    return await this.#queue.run(key('promote', request.header), async () => {
      const header = this.#admit(request.header);
      const { driver } = this.#parts;
      const role = this.#primaryRole(header, request);
      this.#requireData();
      await this.#store(header, role);
      return await this.#orLater(driver.lead(role));
    });
  }

  /** Answers when it streams; follows on even when the caller does not wait for that. */
  async follow(request: FollowRequest, signal: AbortSignal): Promise<Position> {
    this.#admit(request.header);
    const role = await this.#queue.run(key('follow', request.header), async () => {
      const header = this.#admit(request.header);
      const { file, driver } = this.#parts;
      const { epoch, generation } = header;
      const replica: ReplicaRole = { kind: 'replica', epoch, generation, upstream: upstreamOf(request.primary) };
      const current = file.state.role;
      if (current?.kind === 'primary' && current.epoch === epoch)
        throw refused(`This is the primary of epoch ${epoch}.`);
      this.#requireData();
      await this.#store(header, replica);
      await this.#orLater(driver.follow(replica));
      return replica;
    });
    return await this.#untilFollowing(role, signal);
  }

  /** Answers when the client door is open. */
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
      if (this.#isOpen) {
        const { position } = await driver.probe();
        if (position !== undefined) return position;
      }
      await pause(clock, OPEN_POLL_MS / 2, signal);
    }
    throw new CommandError(status.DEADLINE_EXCEEDED, 'Too few voters have flushed what this primary began with.');
  }

  /** Renews what the database shows; it serves on. */
  async certificateChanged(install: () => Promise<void>): Promise<void> {
    await this.#queue.run('certificate', install);
  }

  /** Stops the database cleanly; a command that is under way is waited for, but not for long. */
  async end(): Promise<void> {
    const { clock, driver } = this.#parts;
    this.#isEnding = true;
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

  async #hasDiverged(): Promise<boolean> {
    return await this.#parts.driver.isFollowing().then(
      () => false,
      (error: unknown) => error instanceof DriverError && error.code === 'refused',
    );
  }

  #requireData(): void {
    const { data } = this.#parts.file.state;
    if (!this.#parts.isEnrolled()) throw refused('This member has no certificate yet.');
    if (data.status === 'empty') throw refused('The volume is empty: initialise or seed it first.');
    if (data.status === 'incomplete') throw refused('The copy on the volume is incomplete: seed it again first.');
  }

  #generationIn(header: CommandHeader): number {
    const { epoch, generation } = this.#parts.file.state;
    return header.epoch > epoch ? 0 : generation;
  }

  #primaryRole(header: CommandHeader, request: PromoteRequest): PrimaryRole {
    const { rule, admin } = request;
    const { memberId, role } = this.#parts.file.state;
    if (rule === undefined) throw new CommandError(status.INVALID_ARGUMENT, 'The command has no rule.');
    if (header.epoch < 1) throw new CommandError(status.INVALID_ARGUMENT, 'Epochs begin with 1.');
    if (rule.generation !== header.generation || !rule.voters.includes(memberId)) {
      throw new CommandError(
        status.INVALID_ARGUMENT,
        'The rule is of another generation, or the primary is not in it.',
      );
    }
    if (rule.acknowledgements > rule.voters.length - 1) {
      throw new CommandError(status.INVALID_ARGUMENT, 'The rule asks for more acknowledgements than there are voters.');
    }
    if (role?.kind === 'replica' && role.epoch === header.epoch) {
      throw refused(`This member is a replica in epoch ${header.epoch}; its primary is ${role.upstream.memberId}.`);
    }
    const isSameRule = JSON.stringify(role?.kind === 'primary' ? role.rule : rule) === JSON.stringify(rule);
    if (
      role?.epoch === header.epoch &&
      role.kind === 'primary' &&
      role.rule.generation === rule.generation &&
      !isSameRule
    ) {
      throw refused(`Generation ${rule.generation} of epoch ${header.epoch} is another rule here.`);
    }
    return {
      ...{ kind: 'primary', epoch: header.epoch, rule, peers: request.peers.map(upstreamOf) },
      admin: admin === undefined ? null : { name: admin.name, verifier: admin.verifier, generation: admin.generation },
    };
  }

  async #store(header: CommandHeader, role: Role): Promise<void> {
    const { epoch, generation, specRevision } = header;
    await this.#parts.file.change({ epoch, generation, specRevision, role });
    this.#isOpen = false;
    this.#parts.onChange();
  }

  async #untilFollowing(role: ReplicaRole, signal: AbortSignal): Promise<Position> {
    const { clock, driver } = this.#parts;
    const deadline = clock.monotonicMs() + FOLLOW_WAIT_MS;
    while (!signal.aborted && clock.monotonicMs() < deadline && this.role === role) {
      const position = await driver.isFollowing().catch(ignoreUnlessRefused);
      if (position !== undefined) {
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

  /** What is stored is done later when it cannot be done now. */
  async #orLater<Answer>(work: Promise<Answer>): Promise<Answer> {
    try {
      return await work;
    } catch (error) {
      this.#resumeLater(this.#retryMs);
      throw error;
    }
  }

  #resumeLater(delayMs: number): void {
    this.#resumption?.cancel();
    this.#resumption = this.#parts.clock.after(delayMs, () => {
      if (this.#isEnding) return;
      this.#queue
        .run('resume', () => this.#takeUp())
        .catch((error: unknown) => {
          this.#parts.log.warn({ error }, 'The role cannot be taken up; trying again.');
          this.#retryMs = Math.min(this.#retryMs * 2, RETRY_LAST_MS);
          this.#resumeLater(this.#retryMs);
        });
    });
  }

  async #takeUp(): Promise<void> {
    const { driver, log, onChange } = this.#parts;
    const { role, data } = this.#parts.file.state;
    if (this.#isEnding || role === null || data.status === 'incomplete') return;
    this.#isOpen = false;
    if (role.kind === 'primary') await driver.lead(role);
    else await driver.follow(role);
    this.#retryMs = RETRY_FIRST_MS;
    log.info({ role: role.kind, epoch: role.epoch }, 'Took up its role.');
    onChange();
  }

  #watchDoor(): void {
    const { clock, driver, onChange } = this.#parts;
    const look = async (): Promise<void> => {
      if (this.role?.kind === 'primary' && this.#queue.isIdle) {
        const isOpen = await driver.tryOpen().catch(() => false);
        if (isOpen !== this.#isOpen) {
          this.#isOpen = isOpen;
          onChange();
        }
      }
      if (!this.#isEnding) clock.after(OPEN_POLL_MS, () => void look());
    };
    void look();
  }
}

/** A repeat has the same key; the sender's term and the request's id are not part of what is asked. */
function key(kind: string, header: CommandHeader | undefined): string {
  return JSON.stringify([kind, header?.epoch, header?.generation, header?.specRevision, header?.idempotencyKey]);
}

function upstreamOf(peer: Peer | undefined): Upstream {
  if (peer === undefined) throw new CommandError(status.INVALID_ARGUMENT, 'The command names no primary.');
  const { memberId, address, port, serverName } = peer;
  return { memberId, address, port, serverName };
}

function ignoreUnlessRefused(error: unknown): undefined {
  if (error instanceof DriverError && error.code === 'refused') throw error;
  return undefined;
}
