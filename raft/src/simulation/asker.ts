// Who asks the cluster one thing at a time, and writes down what it was told. When its patience ends it goes on, and what
// became of the question stays unknown.
import type { RegisterInput, RegisterOperation, RegisterOutput } from '../checker/register.ts';
import { ClosedError, NoLeaderError, NotLeaderError, ProposalRefusedError } from '../errors.ts';
import type { Random } from './random.ts';
import type { PeerOfWorld, Surroundings } from './surroundings.ts';

/** How a question ended. */
export type Answer = RegisterOutput | 'unknown' | 'did-not-happen';

const patienceMs = 2_000;
const retryMs = 40;

export abstract class Asker {
  protected readonly id: number;
  protected readonly world: Surroundings;
  protected readonly random: Random;
  #isStopped = false;
  #giveUp: () => void = () => undefined;

  constructor(id: number, world: Surroundings) {
    this.id = id;
    this.world = world;
    this.random = world.random.fork();
  }

  /** Asks something that ends with `question`. */
  protected abstract ask(): void;

  start(): void {
    this.#again(this.world.habits.thinkMs);
  }

  /** Asks nothing more. What is not answered yet stays unknown. */
  stop(): void {
    this.#isStopped = true;
    this.#giveUp();
  }

  #again(usualMs: number): void {
    const meanMs = this.world.lured === undefined ? usualMs : usualMs / 3;
    this.world.timeline.after(meanMs * this.random.between(0.1, 1.9), () => {
      if (!this.#isStopped) this.ask();
    });
  }

  /** Ends the question once, by an answer, by an error or by time, and goes on. */
  protected question(input: RegisterInput, longestMs = patienceMs): (answer: Answer) => void {
    const { world } = this;
    const invokedAt = world.nextMoment();
    const timer = world.timeline.after(longestMs, () => end('unknown'));
    let isOver = false;
    const end = (output: Answer) => {
      if (isOver) return;
      isOver = true;
      timer.isCancelled = true;
      const said = typeof output === 'string' ? output : JSON.stringify(output);
      world.trace(`client ${this.id} ${JSON.stringify(input)}: ${said}`);
      // A read that nobody answered has no effect on anybody.
      if (output !== 'did-not-happen' && (output !== 'unknown' || input.type !== 'read')) {
        const answer = output === 'unknown' ? undefined : { output, at: world.nextMoment() };
        world.record({ process: this.id, input, invokedAt, answer } satisfies RegisterOperation);
      }
      this.#again(output === 'did-not-happen' ? retryMs : world.habits.thinkMs);
    };
    this.#giveUp = () => end('unknown');
    return end;
  }

  /** Reads what this peer has, when that is linearizable; `seen` is told what it was. */
  protected read(
    key: string,
    peer: PeerOfWorld,
    timeoutMs: number,
    failed: (error: Error) => void,
    seen: (value: number | undefined) => void,
  ): void {
    const { world } = this;
    const since = world.invariants.acknowledgedIndex;
    const end = this.question({ type: 'read', key });
    const isThere = peer.deliver(() => {
      const { raft, machine } = peer;
      raft?.readIndex({ timeoutMs }).then(
        () => {
          const value = machine?.values.get(key);
          seen(value);
          world.counts.linearizableReads += 1;
          world.guard(() => world.invariants.read(peer, since, raft.summary().appliedIndex));
          end({ type: 'read', value });
        },
        (error: Error) => {
          failed(error);
          end(isSure(error) ? 'did-not-happen' : 'unknown');
        },
      );
    });
    if (!isThere) end('did-not-happen');
  }
}

/** Whether what ended so surely did not happen. */
export function isSure(error: Error): boolean {
  return [NotLeaderError, ProposalRefusedError, ClosedError, NoLeaderError].some((sure) => error instanceof sure);
}
