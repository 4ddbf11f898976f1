// A client that counts, in a session. As long as it does not know what became of its command it asks again, any peer,
// under the same session and serial number: who counts twice is found out by the next who looks.

import type { Raft } from '../driver/raft.ts';
import type { Session, SessionApplied } from '../driver/sessions.ts';
import { NoLeaderError, SessionError } from '../errors.ts';
import { type Answer, Asker, isSure } from './asker.ts';
import { type CommandResult, encodeCommand } from './register-machine.ts';

/** After so long a command is given up, and its outcome stays unknown. */
const patienceMs = 20_000;
/** An attempt that says nothing for so long is left alone, for its peer may be gone. */
const silenceMs = 4_000;

interface Attempt {
  readonly key: string;
  readonly data: Uint8Array;
  readonly end: (answer: Answer) => void;
  /** Whether an attempt before may have come to something. */
  isRepeat: boolean;
  isOver: boolean;
}

export class SessionClient extends Asker {
  /** Which session it has, and the serial number of the command that it is at. */
  #ticket: { readonly id: number; serial: number } | undefined;
  /** The session as the process knows it that was asked last. */
  #handle: { readonly raft: Raft; readonly session: Session } | undefined;
  #commands = 0;

  protected override ask(): void {
    const key = `n${this.random.below(2)}`;
    if (this.random.chance(this.world.habits.readShare)) {
      const timeoutMs = this.random.pick([200, 1_000]);
      const nothing = () => undefined;
      this.read(key, this.random.pick(this.world.peers), timeoutMs, nothing, nothing);
      return;
    }
    this.#commands += 1;
    const end = this.question({ type: 'add', key, by: 1 }, patienceMs);
    const data = encodeCommand({ type: 'add', key, by: 1, once: `${this.id}/${this.#commands}` });
    const attempt: Attempt = {
      ...{ key, data, isRepeat: false, isOver: false },
      end: (answer) => {
        attempt.isOver = true;
        end(answer);
      },
    };
    this.world.timeline.after(patienceMs, () => this.#givenUp(attempt));
    this.#attempt(attempt);
  }

  #givenUp(attempt: Attempt): void {
    if (attempt.isOver) return;
    attempt.isOver = true;
    // The next command's number says that this one is not waited for any more.
    if (this.#ticket !== undefined) this.#ticket.serial += 1;
    this.#handle = undefined;
  }

  #attempt(attempt: Attempt): void {
    if (attempt.isOver) return;
    const { world, random } = this;
    if (attempt.isRepeat) world.counts.sessionRepeats += 1;
    const peer = random.pick(world.peers);
    let isAnswered = false;
    const once = (act: () => void) => {
      if (isAnswered || attempt.isOver) return;
      isAnswered = true;
      silence.isCancelled = true;
      act();
    };
    const silence = world.timeline.after(silenceMs * random.between(0.5, 1), () => {
      once(() => this.#failed(attempt, undefined));
    });
    const isCurrent = () => !isAnswered && !attempt.isOver;
    const isThere = peer.deliver(() => {
      if (peer.raft === undefined || !isCurrent()) return;
      this.#commit(peer.raft, attempt.data, isCurrent).then(
        (applied) => once(() => this.#applied(attempt, applied)),
        (error: Error) => once(() => this.#failed(attempt, error)),
      );
    });
    if (isThere) return;
    silence.isCancelled = true;
    this.#later(attempt);
  }

  /** Proposes it in the session, which it opens or goes on with. */
  async #commit(raft: Raft, data: Uint8Array, isCurrent: () => boolean): Promise<SessionApplied> {
    const timeoutMs = this.random.pick([100, 500, 3_000]);
    if (this.#handle?.raft !== raft) {
      const resume = this.#ticket === undefined ? {} : { resume: { ...this.#ticket } };
      const session = await raft.openSession({ timeoutMs, ...resume });
      // It took so long that another attempt was made since, perhaps in a session of its own.
      if (!isCurrent()) throw new NoLeaderError();
      if (this.#ticket === undefined) this.world.counts.sessionsOpened += 1;
      this.#ticket ??= { id: session.id, serial: 1 };
      this.#handle = { raft, session };
    }
    return this.#handle.session.propose(data, { timeoutMs, serial: this.#ticket?.serial ?? 1 });
  }

  #applied({ end }: Attempt, { index, result }: SessionApplied): void {
    const { invariants, counts } = this.world;
    invariants.acknowledgedIndex = Math.max(invariants.acknowledgedIndex, index);
    counts.sessionCommands += 1;
    if (this.#ticket !== undefined) this.#ticket.serial += 1;
    end({ type: 'add', found: (result as CommandResult).found });
  }

  /** `undefined`: nothing was heard of it. */
  #failed(attempt: Attempt, error: Error | undefined): void {
    const code = error instanceof SessionError ? error.code : undefined;
    // Only who says that the outcome is unknown takes this number again.
    if (code !== 'session.unknown') this.#handle = undefined;
    const hasNoSession = code === 'session.unavailable' || (error !== undefined && this.#ticket === undefined);
    if (!attempt.isRepeat && (hasNoSession || (error !== undefined && isSure(error)))) {
      attempt.end('did-not-happen');
    } else if (code === 'session.expired' || code === 'session.answer_lost') {
      if (code === 'session.expired') this.#ticket = undefined;
      else if (this.#ticket !== undefined) this.#ticket.serial += 1;
      attempt.end('unknown');
    } else {
      attempt.isRepeat = true;
      this.#later(attempt);
    }
  }

  #later(attempt: Attempt): void {
    this.world.timeline.after(this.random.pick([5, 50, 500]) * this.random.between(0.5, 1.5), () => {
      this.#attempt(attempt);
    });
  }
}
