// What a cluster must do when all faults have ended: a leader stays, whoever else there is beside the members; then
// everybody votes again, the leader takes a command, every peer applies it, and every peer answers a read. It is asked
// again until it is done; a question can be lost with a leader.
import { encodeCommand } from './register-machine.ts';
import type { PeerOfWorld, Surroundings } from './surroundings.ts';

/** After so long a question without an answer is asked again. */
const patienceMs = 10_000;
/** Election timeouts in which nobody may take a leader's place that everybody hears. */
const calmElections = 6;

export class Convalescence {
  readonly #world: Surroundings;
  /** Since when this term's leader leads. */
  #reign = { term: 0, sinceMs: 0 };
  #isCalm = false;
  /** The entry that everybody must apply. */
  #target: number | undefined;
  #askedAtMs = Number.NEGATIVE_INFINITY;
  #questions = 0;
  #readers = new Set<number>();
  #answered = new Set<number>();

  constructor(world: Surroundings) {
    this.#world = world;
  }

  /** Takes the next step, and says whether all are done. */
  isWell(): boolean {
    const living = this.#world.peers.filter(({ state }) => state !== 'out');
    if (living.some(({ state }) => state !== 'up')) return false;
    const leader = living.find(({ raft }) => raft?.summary().isEstablishedLeader);
    if (leader === undefined || !this.#stays(leader)) return false;
    if (!this.#isWhole(leader)) {
      this.#target = undefined;
      const voters = this.#world.peers.map(({ id }) => id);
      this.#ask(() => leader.raft?.changeMembership({ voters }));
      return false;
    }
    if (this.#target === undefined) {
      const command = encodeCommand({ type: 'write', key: 'last', value: this.#world.nextValue() });
      this.#ask(() =>
        leader.raft?.propose(command).then(({ index }) => {
          this.#target = index;
          this.#readers.clear();
          this.#answered.clear();
        }),
      );
      return false;
    }
    return living.filter((peer) => this.#isRestored(peer, this.#target ?? 0)).length === living.length;
  }

  /** Whether no other election came for a while, before the members change once more. */
  #stays({ raft }: PeerOfWorld): boolean {
    const { timeline, electionMs } = this.#world;
    const term = raft?.summary().term ?? 0;
    if (term !== this.#reign.term) this.#reign = { term, sinceMs: timeline.nowMs };
    this.#isCalm ||= timeline.nowMs - this.#reign.sinceMs > calmElections * electionMs;
    return this.#isCalm;
  }

  #isWhole({ raft }: PeerOfWorld): boolean {
    const membership = raft?.summary().membership;
    return membership?.voters.length === this.#world.peers.length && membership.votersOutgoing.length === 0;
  }

  #ask(question: () => Promise<unknown> | undefined): void {
    const { nowMs } = this.#world.timeline;
    if (nowMs - this.#askedAtMs < patienceMs) return;
    this.#askedAtMs = nowMs;
    this.#questions += 1;
    const own = this.#questions;
    const end = () => {
      if (own === this.#questions) this.#askedAtMs = Number.NEGATIVE_INFINITY;
    };
    question()?.then(end, end);
  }

  /** Whether this peer has applied the entry and answered a read. */
  #isRestored({ id, raft }: PeerOfWorld, target: number): boolean {
    if (raft !== undefined && !this.#readers.has(id)) {
      this.#readers.add(id);
      raft.readIndex().then(
        () => this.#answered.add(id),
        () => this.#readers.delete(id),
      );
    }
    return this.#answered.has(id) && (raft?.summary().appliedIndex ?? 0) >= target;
  }
}
