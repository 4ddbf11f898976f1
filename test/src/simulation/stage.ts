// A world on which a script is played instead of chance: a calm one, in which only happens what the script says. Used for
// what random worlds reach too seldom.
import type { Cluster } from '@argosy/gateway';
import { TenantSession } from './database/sessions.ts';
import type { Guest } from './guest.ts';
import type { Habits } from './habits.ts';
import type { Place } from './network.ts';
import { SimulatedProcess } from './process.ts';
import { type RecordedCall, World } from './world.ts';

const CALM: Omit<Habits, 'voters' | 'rpoSeconds'> = {
  writers: 0,
  network: { localMs: 0.2, remoteMs: 1, extraMs: 0.2 },
  calls: { repeatChance: 0, repeatWithinMs: 0 },
  database: { startMs: 100, fsyncMs: 0.5, reloadMs: 5, replayStallChance: 0, copyMs: 300, partialChance: 0 },
  faultEveryMs: 0,
  outageMs: 0,
  createFailureChance: 0,
};
const STEP_MS = 5;
const PATIENCE_MS = 30_000;
const WRITE_MS = 1_500;

export class Stage {
  readonly world: World;
  readonly #client: SimulatedProcess;
  #rows = 0;

  constructor(voters: number, rpoSeconds: number | undefined, listener?: (line: string) => void) {
    this.world = new World(1, listener, { ...CALM, voters, rpoSeconds });
    this.#client = new SimulatedProcess('client', 'nowhere/client', this.world.timeline);
  }

  get cluster(): Cluster {
    const cluster = this.world.cluster();
    if (cluster === undefined) throw new Error('There is no cluster.');
    return cluster;
  }

  /** The guest of the member with this ordinal. */
  guest(ordinal: number): Guest {
    const found = this.find(ordinal);
    if (found === undefined) throw new Error(`There is no member ${ordinal}.`);
    return found;
  }

  find(ordinal: number): Guest | undefined {
    return this.world.guests().find(({ memberId }) => memberId.endsWith(`-${ordinal}`));
  }

  async live(ms: number): Promise<void> {
    await this.world.live(ms);
  }

  /** False when it did not come to that. */
  async until(isReached: () => boolean, withinMs = PATIENCE_MS, stepMs = STEP_MS): Promise<boolean> {
    const endMs = this.world.timeline.nowMs + withinMs;
    while (this.world.violation === undefined && this.world.timeline.nowMs < endMs) {
      if (isReached()) return true;
      await this.world.live(stepMs);
    }
    return false;
  }

  /** Databases of these members no longer reach each other, though their agents are reached. Returns what mends it. */
  part(some: readonly number[], others: readonly number[]): () => void {
    const placesOf = (ordinals: readonly number[]) => {
      const places = new Set(ordinals.map((ordinal) => `${this.guest(ordinal).place}/db`));
      return (place: Place): boolean => places.has(place);
    };
    const [from, to] = [placesOf(some), placesOf(others)];
    const mends = [this.world.network.cut({ from, to }), this.world.network.cut({ from: to, to: from })];
    return () => {
      for (const mend of mends) mend();
    };
  }

  /** What these members' agents say takes so much longer to one other. */
  slowAnswers(ordinals: readonly number[], toOrdinal: number, moreMs: number): () => void {
    const [places, toPlace] = [
      new Set(ordinals.map((ordinal) => this.guest(ordinal).place)),
      this.guest(toOrdinal).place,
    ];
    return this.world.network.slow({ from: (place) => places.has(place), to: (place) => place === toPlace }, moreMs);
  }

  /** Writes at a member again and again. */
  async writeOn(ordinal: number, isOver: () => boolean, withinMs: number): Promise<void> {
    const endMs = this.world.timeline.nowMs + withinMs;
    while (!isOver() && this.world.violation === undefined && this.world.timeline.nowMs < endMs) {
      await this.write(ordinal, 40);
      await this.live(STEP_MS);
    }
  }

  /** The gateways and the executor do not reach the agent. */
  hideAgent(ordinal: number): () => void {
    const { place } = this.guest(ordinal);
    const isExecutor = (other: Place): boolean => other.endsWith('/executor');
    const mends = [
      this.world.network.cut({ from: isExecutor, to: (other) => other === place }),
      this.world.network.cut({ from: (other) => other === place, to: isExecutor }),
    ];
    return () => {
      for (const mend of mends) mend();
    };
  }

  /** Writes at a member, whatever the gateway thinks of it. True when it was acknowledged in time. */
  async write(ordinal: number, withinMs = WRITE_MS): Promise<boolean> {
    this.#rows += 1;
    const row = `script.${this.#rows}`;
    let outcome: string | undefined;
    TenantSession.open(this.world, this.#client, this.guest(ordinal).address, (session) => {
      if (typeof session === 'string') outcome = session;
      else {
        session.write(row, (answer) => {
          outcome = answer;
        });
      }
    });
    await this.until(() => outcome !== undefined, withinMs);
    this.world.trace(`script: write ${row} at member ${ordinal}: ${outcome ?? 'no answer'}`);
    return outcome === 'committed';
  }

  /** True when the member showed its rows. */
  async read(ordinal: number): Promise<boolean> {
    let outcome: boolean | undefined;
    TenantSession.open(this.world, this.#client, this.guest(ordinal).address, (session) => {
      if (typeof session === 'string') outcome = false;
      else {
        session.read((rows) => {
          outcome = rows !== undefined;
        });
      }
    });
    await this.until(() => outcome !== undefined, WRITE_MS);
    return outcome === true;
  }

  failOver(): void {
    this.world.ask('failover');
  }

  /** Whether the gateway knows of this member's promise of the present epoch. */
  hasPromised(ordinal: number): boolean {
    const { epoch, members } = this.cluster;
    return members.find((member) => member.ordinal === ordinal)?.facts.promise?.epoch === epoch;
  }

  /** How long the cluster's operation still waits before it tries this step again; milliseconds. */
  pauseBefore(step: string): number {
    const waiting = this.world.operation()?.steps.find(({ id }) => id.startsWith(step));
    const atMs = waiting?.retryAt === undefined ? 0 : Date.parse(waiting.retryAt);
    return atMs - this.#client.clock.now().getTime();
  }

  /** The calls that reached agents so far, of this method and for this member. */
  calls(method: string, ordinal: number): readonly RecordedCall[] {
    const suffix = `-${ordinal}`;
    return this.world.recorded.filter((call) => call.method === method && call.memberId.endsWith(suffix));
  }

  /** A call comes once more, to its member or to another one. */
  again(call: RecordedCall | undefined, ordinal: number): void {
    if (call === undefined) throw new Error('There was no such call.');
    this.world.repeat(call, this.guest(ordinal));
  }
}
