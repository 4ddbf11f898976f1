// A client asks one thing at a time, of any peer. Each value is written once in a world.
import type { RegisterInput, RegisterOutput } from '../checker/register.ts';
import type { Applied } from '../driver/options.ts';
import { KindNotAnnouncedError, NotLeaderError } from '../errors.ts';
import { Asker, isSure } from './asker.ts';
import { type ChangingCommand, type CommandResult, encodeCommand, newKind } from './register-machine.ts';
import type { PeerOfWorld } from './surroundings.ts';

const patienceMs = 2_000;

export class Client extends Asker {
  readonly #seen = new Map<string, number | undefined>();
  #leaderId: number | undefined;

  protected override ask(): void {
    const { readShare, casShare, keyCount } = this.world.habits;
    const key = `k${this.random.below(keyCount)}`;
    const kind = this.random.next();
    if (this.#isLured || kind < readShare) this.#read(key);
    else if (kind < readShare + casShare) {
      const from = this.#seen.get(key);
      this.#change(key, { type: 'cas', key, from: from ?? null, to: this.world.nextValue() });
    } else {
      const isNew = this.random.chance(0.3);
      const padding = this.random.chance(0.3) ? 'x'.repeat(this.world.habits.paddingBytes) : '';
      this.#change(key, { type: 'write', key, value: this.world.nextValue(), ...(padding ? { padding } : {}), isNew });
    }
  }

  /** Whether it reads from the peer that clients are lured to. The others then write, elsewhere. */
  get #isLured(): boolean {
    return this.world.lured !== undefined && this.id % 2 === 1;
  }

  #peer(isRead: boolean): PeerOfWorld {
    const { peers, lured } = this.world;
    if (lured !== undefined && this.#isLured) return lured;
    const leader = peers.find(({ id }) => id === this.#leaderId);
    const isBold = leader === undefined || leader === lured || this.random.chance(isRead ? 0.5 : 0.1);
    return isBold ? this.random.pick(peers) : leader;
  }

  #patienceMs(): number {
    return patienceMs * (this.#isLured ? 0.1 : this.random.pick([0.1, 0.5]));
  }

  #read(key: string): void {
    const seen = (value: number | undefined) => this.#seen.set(key, value);
    this.read(key, this.#peer(true), this.#patienceMs(), (error) => this.#learn(error), seen);
  }

  #change(key: string, command: ChangingCommand): void {
    const peer = this.#peer(false);
    const input: RegisterInput =
      command.type === 'write'
        ? { type: 'write', key, value: command.value }
        : { type: 'cas', key, from: command.from ?? undefined, to: command.to };
    const end = this.question(input);
    const isThere = peer.deliver(() => {
      const kind = command.type === 'write' && command.isNew ? { kind: newKind } : {};
      peer.raft?.propose(encodeCommand(command), { timeoutMs: this.#patienceMs(), ...kind }).then(
        (applied) => this.#applied(key, command, applied, end),
        (error: Error) => {
          this.#learn(error);
          end(isSure(error) ? 'did-not-happen' : 'unknown');
        },
      );
    });
    if (!isThere) end('did-not-happen');
  }

  #applied(
    key: string,
    command: ChangingCommand,
    { index, result }: Applied,
    end: (output: RegisterOutput) => void,
  ): void {
    const { found, isSet } = result as CommandResult;
    const { invariants } = this.world;
    invariants.acknowledgedIndex = Math.max(invariants.acknowledgedIndex, index);
    if (command.type === 'write') {
      this.#seen.set(key, command.value);
      end({ type: 'write' });
    } else {
      this.#seen.set(key, isSet ? command.to : found);
      end({ type: 'cas', isSet, found: { value: found } });
    }
  }

  #learn(error: Error): void {
    if (error instanceof NotLeaderError) this.#leaderId = error.leaderId;
    if (error instanceof KindNotAnnouncedError) this.world.counts.kindsRefused += 1;
  }
}
