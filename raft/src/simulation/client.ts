// A client asks one thing at a time, of any peer, and writes down what it was told. Each value is written once in a
// world. When its patience ends it goes on, and what became of the question stays unknown.
import type { RegisterInput, RegisterOperation, RegisterOutput } from '../checker/register.ts';
import type { Applied } from '../driver/options.ts';
import { ClosedError, NoLeaderError, NotLeaderError, ProposalRefusedError } from '../errors.ts';
import type { Random } from './random.ts';
import { type Command, type CommandResult, encodeCommand } from './register-machine.ts';
import type { PeerOfWorld, Surroundings } from './surroundings.ts';

const patienceMs = 2_000;
const retryMs = 40;

export class Client {
  readonly #id: number;
  readonly #world: Surroundings;
  readonly #random: Random;
  readonly #seen = new Map<string, number | undefined>();
  #leaderId: number | undefined;
  #isStopped = false;
  #giveUp: () => void = () => undefined;

  constructor(id: number, world: Surroundings) {
    this.#id = id;
    this.#world = world;
    this.#random = world.random.fork();
  }

  start(): void {
    this.#again(this.#world.habits.thinkMs);
  }

  /** Asks nothing more. What is not answered yet stays unknown. */
  stop(): void {
    this.#isStopped = true;
    this.#giveUp();
  }

  #again(usualMs: number): void {
    const meanMs = this.#world.lured === undefined ? usualMs : usualMs / 3;
    this.#world.timeline.after(meanMs * this.#random.between(0.1, 1.9), () => {
      if (!this.#isStopped) this.#ask();
    });
  }

  #ask(): void {
    const { readShare, casShare, keyCount } = this.#world.habits;
    const key = `k${this.#random.below(keyCount)}`;
    const kind = this.#random.next();
    if (this.#isLured || kind < readShare) this.#read(key);
    else if (kind < readShare + casShare) {
      const from = this.#seen.get(key);
      this.#change(key, { type: 'cas', key, from: from ?? null, to: this.#world.nextValue() });
    } else {
      const padding = this.#random.chance(0.3) ? 'x'.repeat(this.#world.habits.paddingBytes) : '';
      this.#change(key, { type: 'write', key, value: this.#world.nextValue(), ...(padding ? { padding } : {}) });
    }
  }

  /** Whether it reads from the peer that clients are lured to. The others then write, elsewhere. */
  get #isLured(): boolean {
    return this.#world.lured !== undefined && this.#id % 2 === 1;
  }

  #peer(isRead: boolean): PeerOfWorld {
    const { peers, lured } = this.#world;
    if (lured !== undefined && this.#isLured) return lured;
    const leader = peers.find(({ id }) => id === this.#leaderId);
    const isBold = leader === undefined || leader === lured || this.#random.chance(isRead ? 0.5 : 0.1);
    return isBold ? this.#random.pick(peers) : leader;
  }

  /** Ends the question once, by an answer, by an error or by time, and goes on. */
  #question(input: RegisterInput): (output: RegisterOutput | 'unknown' | 'did-not-happen') => void {
    const world = this.#world;
    const invokedAt = world.nextMoment();
    const timer = world.timeline.after(patienceMs, () => end('unknown'));
    let isOver = false;
    const end = (output: RegisterOutput | 'unknown' | 'did-not-happen') => {
      if (isOver) return;
      isOver = true;
      timer.isCancelled = true;
      const said = typeof output === 'string' ? output : JSON.stringify(output);
      world.trace(`client ${this.#id} ${JSON.stringify(input)}: ${said}`);
      // A read that nobody answered has no effect on anybody.
      if (output !== 'did-not-happen' && (output !== 'unknown' || input.type !== 'read')) {
        const answer = output === 'unknown' ? undefined : { output, at: world.nextMoment() };
        world.record({ process: this.#id, input, invokedAt, answer } satisfies RegisterOperation);
      }
      this.#again(output === 'did-not-happen' ? retryMs : world.habits.thinkMs);
    };
    this.#giveUp = () => end('unknown');
    return end;
  }

  #patienceMs(): number {
    return patienceMs * (this.#isLured ? 0.1 : this.#random.pick([0.1, 0.5]));
  }

  #read(key: string): void {
    const world = this.#world;
    const peer = this.#peer(true);
    const since = world.invariants.acknowledgedIndex;
    const end = this.#question({ type: 'read', key });
    const isThere = peer.deliver(() => {
      const { raft, machine } = peer;
      raft?.readIndex({ timeoutMs: this.#patienceMs() }).then(
        () => {
          const value = machine?.values.get(key);
          this.#seen.set(key, value);
          world.counts.linearizableReads += 1;
          world.guard(() => world.invariants.read(peer, since, raft.summary().appliedIndex));
          end({ type: 'read', value });
        },
        (error: Error) => this.#failed(error, end),
      );
    });
    if (!isThere) end('did-not-happen');
  }

  #change(key: string, command: Command): void {
    const peer = this.#peer(false);
    const input: RegisterInput =
      command.type === 'write'
        ? { type: 'write', key, value: command.value }
        : { type: 'cas', key, from: command.from ?? undefined, to: command.to };
    const end = this.#question(input);
    const isThere = peer.deliver(() => {
      peer.raft?.propose(encodeCommand(command), { timeoutMs: this.#patienceMs() }).then(
        (applied) => this.#applied(key, command, applied, end),
        (error: Error) => this.#failed(error, end),
      );
    });
    if (!isThere) end('did-not-happen');
  }

  #applied(key: string, command: Command, { index, result }: Applied, end: (output: RegisterOutput) => void): void {
    const { found, isSet } = result as CommandResult;
    const { invariants } = this.#world;
    invariants.acknowledgedIndex = Math.max(invariants.acknowledgedIndex, index);
    if (command.type === 'write') {
      this.#seen.set(key, command.value);
      end({ type: 'write' });
    } else {
      this.#seen.set(key, isSet ? command.to : found);
      end({ type: 'cas', isSet, found: { value: found } });
    }
  }

  #failed(error: Error, end: (output: 'unknown' | 'did-not-happen') => void): void {
    if (error instanceof NotLeaderError) this.#leaderId = error.leaderId;
    const isSure =
      error instanceof NotLeaderError ||
      error instanceof ProposalRefusedError ||
      error instanceof ClosedError ||
      error instanceof NoLeaderError;
    end(isSure ? 'did-not-happen' : 'unknown');
  }
}
