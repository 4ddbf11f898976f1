// One member of a cluster whose engine rules itself: it is founded or joins, and from then on its server is started from its
// own data whenever it does not run, with nobody's help. What it is there, the engine says.
import type { ParameterDefinition } from '@argosy/datastores';
import type { RuledDriver, Upstream } from '@argosy/datastores/drivers';
import {
  type Clock,
  type CommandHeader,
  type DismissRequest,
  type DismissResponse,
  type FoundRequest,
  type FoundResponse,
  type JoinRequest,
  type JoinResponse,
  type Position,
  type PromiseRequest,
  pause,
  type RefoundRequest,
  type RefoundResponse,
  type RestRequest,
  type RestResponse,
  type SetAccountsRequest,
  type SetAccountsResponse,
  type SetParametersRequest,
  type SetParametersResponse,
} from '@argosy/proto';
import { status } from '@grpc/grpc-js';
import type { Logger } from 'pino';
import { admit, CommandError, refused } from './admission.ts';
import { CommandQueue, commandKey } from './command-queue.ts';
import { setParameters } from './parameters.ts';
import { Resumption } from './resumption.ts';
import { accountsOf, upstreamOf } from './roles.ts';
import type { StateFile } from './state.ts';

const SERVE_POLL_MS = 100;
/** As long as a database of the largest size may take to be copied. */
const SERVE_WAIT_MS = 24 * 3_600_000;
const RESTART_WAIT_MS = 120_000;
const END_PATIENCE_MS = 3_000;
/** A member that no majority has been behind for so long does not wait for one any more: after a crash of all it had come. */
const STRANDED_MS = 10_000;

export interface RuledMemberParts {
  readonly file: StateFile;
  readonly driver: RuledDriver;
  readonly definitions: Readonly<Record<string, ParameterDefinition>>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly isEnrolled: () => boolean;
  readonly onChange: () => void;
}

export class RuledMember {
  readonly #parts: RuledMemberParts;
  readonly #queue = new CommandQueue();
  readonly #resumption: Resumption;

  constructor(parts: RuledMemberParts) {
    this.#parts = parts;
    const { clock, log, onChange, file, driver } = parts;
    this.#resumption = new Resumption({
      ...{ clock, log, onChange, queue: this.#queue },
      takeUp: async () => {
        if (file.state.seat === null || file.state.seat.isHeld) return undefined;
        await driver.start();
        return { role: "one of the engine's own" };
      },
    });
  }

  /** The gate leads to a primary, and there is none here. */
  readonly isOpen = false;

  /** Finds what runs, and starts what shall run. */
  async resume(): Promise<void> {
    const { driver, file, log, onChange } = this.#parts;
    driver.onCrash(() => {
      log.warn({}, 'The database ended by itself.');
      onChange();
      this.#resumption.soon();
    });
    const found = await driver.recover();
    if (found) log.info({}, 'Took over a running database.');
    // One that has no place was being taken in: that begins again when it is asked for again.
    const isToRun = file.state.seat !== null && !file.state.seat.isHeld;
    if (found && !isToRun) await driver.stop();
    if (isToRun) this.#resumption.soon();
  }

  async found({ header: asked, admin }: FoundRequest, signal: AbortSignal): Promise<FoundResponse> {
    this.#admit(asked);
    await this.#queue.run(commandKey('found', asked), async () => {
      const header = this.#admit(asked);
      this.#requireCertificate();
      if (admin === undefined) throw new CommandError(status.INVALID_ARGUMENT, 'The command names no first user.');
      const { file, driver } = this.#parts;
      if (file.state.seat === null) {
        await file.change({ data: { status: 'incomplete' }, specRevision: header.specRevision });
        await driver.found(admin);
        await file.change({ data: { status: 'initialised' }, seat: { peers: [], isHeld: false } });
      }
      await this.#resumption.orLater(driver.start());
    });
    await this.#untilServing(SERVE_WAIT_MS, signal);
    return {};
  }

  async join({ header: asked, peers: named }: JoinRequest, signal: AbortSignal): Promise<JoinResponse> {
    this.#admit(asked);
    await this.#queue.run(commandKey('join', asked), async () => {
      const { epoch, specRevision } = this.#admit(asked);
      this.#requireCertificate();
      const { file, driver } = this.#parts;
      const peers = named.map(upstreamOf);
      if (file.state.seat === null || !(await this.#isCounted(peers))) {
        await file.change({ data: { status: 'incomplete' }, seat: null, epoch, specRevision });
        await driver.enter(peers, signal);
        // Before it has a vote: whoever has one and does not know it would be missed.
        await file.change({ data: { status: 'initialised' } });
      }
      await file.change({ seat: { peers, isHeld: false }, epoch, specRevision });
      await this.#resumption.orLater(driver.start());
    });
    await this.#untilServing(SERVE_WAIT_MS, signal);
    return {};
  }

  async dismiss({ header: asked, leaver }: DismissRequest): Promise<DismissResponse> {
    this.#admit(asked);
    await this.#queue.run(commandKey(`dismiss ${leaver?.memberId ?? ''}`, asked), async () => {
      this.#admit(asked);
      const { file, driver } = this.#parts;
      const { memberId, seat } = file.state;
      if (seat === null) throw refused('This member has no place in the cluster itself.');
      if (leaver?.memberId === memberId) throw refused('A member is dismissed by another one.');
      await driver.dismiss(upstreamOf(leaver));
    });
    return {};
  }

  /** Who has promised does not run: what its data hold does not change before somebody begins anew, or takes it in. */
  async promise({ header: asked }: PromiseRequest, signal: AbortSignal): Promise<Position | undefined> {
    const { driver, file } = this.#parts;
    this.#admit(asked);
    const recovered = driver.recovered?.bind(driver);
    if (recovered === undefined) throw refused('The engine of this member rules itself: it comes back by itself.');
    if (file.state.seat?.isHeld === false) await this.#untilStranded(signal);
    return await this.#queue.run(commandKey('promise', asked), async () => {
      const { epoch, specRevision } = this.#admit(asked);
      const { seat } = file.state;
      if (seat === null) {
        await file.change({ epoch, specRevision });
        return undefined;
      }
      if (!seat.isHeld && (await this.#isServing())) throw serves();
      await file.change({ epoch, specRevision, seat: { ...seat, isHeld: true } });
      this.#resumption.hold();
      await driver.stop();
      return await recovered();
    });
  }

  /** A repeat begins once more, unless the member was seen to serve: nobody else is told to join before. */
  async refound({ header: asked }: RefoundRequest, signal: AbortSignal): Promise<RefoundResponse> {
    this.#admit(asked);
    await this.#queue.run(commandKey('refound', asked), async () => {
      const { epoch } = this.#admit(asked);
      const { driver, file } = this.#parts;
      const { seat } = file.state;
      if (seat === null || epoch !== file.state.epoch) throw refused('This member has not promised this epoch.');
      if (!seat.isHeld) return;
      await driver.stop();
      await driver.refound?.();
      await this.#untilServing(RESTART_WAIT_MS, signal);
      await file.change({ seat: { ...seat, isHeld: false } });
    });
    await this.#untilServing(RESTART_WAIT_MS, signal);
    return {};
  }

  /** Nothing of it is stored: an agent that starts anew starts its server, for either its volume was not taken, or it is back. */
  async rest({ header: asked }: RestRequest): Promise<RestResponse> {
    this.#admit(asked);
    return await this.#queue.run(commandKey('rest', asked), async () => {
      const { specRevision } = this.#admit(asked);
      const { driver, file, onChange } = this.#parts;
      await file.change({ specRevision });
      this.#resumption.hold();
      await driver.stop();
      onChange();
      return {};
    });
  }

  async setParameters(request: SetParametersRequest, signal: AbortSignal): Promise<SetParametersResponse> {
    this.#admit(request.header);
    const answer = await this.#queue.run(commandKey('set parameters', request.header), async () => {
      const header = this.#admit(request.header);
      const { driver, file } = this.#parts;
      const hasPlace = file.state.seat !== null;
      const takeUp = hasPlace ? () => this.#startAndServe(signal) : undefined;
      const epoch = hasPlace ? header.epoch : undefined;
      const hold = (): void => this.#resumption.hold();
      const parts = { ...this.#parts, driver, epoch, takeUp, hold, resume: () => this.#resumption.soon() };
      return await setParameters(parts, header, request);
    });
    return answer;
  }

  async setAccounts(request: SetAccountsRequest): Promise<SetAccountsResponse> {
    this.#admit(request.header);
    return await this.#queue.run(commandKey('set accounts', request.header), async () => {
      this.#admit(request.header);
      await this.#parts.driver.setAccounts(accountsOf(request));
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
    this.#resumption.end();
    let ending: Promise<void> | undefined;
    const stop = (): Promise<void> => {
      ending ??= driver.stop();
      return ending;
    };
    await Promise.race([this.#queue.run('end', stop), pause(clock, END_PATIENCE_MS).then(stop)]);
  }

  #admit(header: CommandHeader | undefined): CommandHeader {
    return admit(this.#parts.file.state, header);
  }

  /** Nobody is asked to begin anew because nobody could be asked. */
  async #isCounted(peers: readonly Upstream[]): Promise<boolean> {
    return await this.#parts.driver.isCounted(peers).catch(() => true);
  }

  #requireCertificate(): void {
    if (!this.#parts.isEnrolled()) throw refused('This member has no certificate yet.');
  }

  /** A server that does not come to serve has not started, as far as its parameters are concerned. */
  async #startAndServe(signal: AbortSignal): Promise<void> {
    await this.#parts.driver.start();
    await this.#untilServing(RESTART_WAIT_MS, signal);
  }

  async #isServing(): Promise<boolean> {
    const { driver, file } = this.#parts;
    return await driver.isServing(file.state.seat?.peers ?? []).catch(() => false);
  }

  /** @throws CommandError once it serves */
  async #untilStranded(signal: AbortSignal): Promise<void> {
    const { clock } = this.#parts;
    const untilMs = clock.monotonicMs() + STRANDED_MS;
    while (clock.monotonicMs() < untilMs) {
      if (await this.#isServing()) throw serves();
      await pause(clock, SERVE_POLL_MS, signal);
      if (signal.aborted) throw new CommandError(status.CANCELLED, 'Nobody waits for the answer any more.');
    }
  }

  async #untilServing(waitMs: number, signal: AbortSignal): Promise<void> {
    const { clock, onChange } = this.#parts;
    const deadline = clock.monotonicMs() + waitMs;
    while (!signal.aborted && clock.monotonicMs() < deadline) {
      if (await this.#isServing()) return onChange();
      await pause(clock, SERVE_POLL_MS, signal);
    }
    throw new CommandError(status.UNAVAILABLE, 'The member has no vote yet, or no majority behind it; it is tried on.');
  }
}

function serves(): CommandError {
  return new CommandError(status.UNAVAILABLE, 'A majority is behind this member: it serves, and promises nothing.');
}
