// The rule by which this primary's commits are acknowledged, and the proof that it is in force. Each process of the
// server reads changed settings in a time of its own, and nothing shows which has: so the streams that could release a
// waiting session by the old rule are ended, and the new rule counts from the moment in which the last of them is gone.
import type { Position } from '../definition.ts';
import { DriverError, type DriverOptions, type PrimaryRole } from '../driver.ts';
import { sleep } from '../server-process.ts';
import { AT_REST, type ReplicationSettings, readStreamName, synchronousStandbyNames } from './config.ts';
import type { Connection } from './connection.ts';
import { writeBarrier } from './contents.ts';
import type { Door } from './door.ts';
import type { MemberFiles } from './member-files.ts';
import { readLsn } from './positions.ts';
import { readStreams, STREAMS_QUERY, votersBehind } from './streams.ts';

const CHECKPOINT_MS = 600_000;
const STREAMS_END_MS = 10_000;
const POLL_MS = 10;

export interface RuleParts {
  readonly options: DriverOptions;
  readonly files: MemberFiles;
  readonly door: Door;
  readonly control: Connection;
  /** For what may take long: nothing else waits on it. */
  readonly background: Connection;
}

interface InForce {
  readonly epoch: number;
  readonly generation: number;
  readonly names: string;
  /** What was written after the rule came into force: who has flushed it counts by this rule. */
  barrier: Position | undefined;
  isReached: boolean;
}

export function replicationOf(role: PrimaryRole, memberId: string): ReplicationSettings {
  const names = synchronousStandbyNames(role.rule, { memberId, epoch: role.epoch });
  return { ...AT_REST, isAtRest: false, synchronousStandbyNames: names };
}

export class Rule {
  readonly #parts: RuleParts;
  #inForce: InForce | undefined;
  #hasCheckpoint = false;
  #checkpoint: Promise<void> | undefined;

  constructor(parts: RuleParts) {
    this.#parts = parts;
  }

  /** Nothing is known of what is in force: the server ended, or is somebody else's. */
  forget(): void {
    this.#inForce = undefined;
    this.#hasCheckpoint = false;
    this.#checkpoint = undefined;
  }

  /** The server became a primary with these settings; its door is shut. */
  began(role: PrimaryRole): void {
    this.#inForce = this.#ruleOf(role);
  }

  /** Brings a rule into force on a running primary, whose sessions wait on by the new one. A repeat does nothing. */
  async bring(role: PrimaryRole): Promise<void> {
    const rule = this.#ruleOf(role);
    const known = this.#inForce;
    if (known?.epoch === rule.epoch && known.generation === rule.generation && known.names === rule.names) return;
    const { files, door, control } = this.#parts;
    this.#inForce = undefined;
    await files.write(replicationOf(role, this.#parts.options.memberId));
    await door.reload(control);
    // Sessions wait for nobody until the checkpointer has read that there is somebody to wait for.
    if (known === undefined || known.names === '') await this.#makeCheckpoint();
    await this.#endOtherStreams(role);
    this.#inForce = rule;
  }

  /** More became visible than the barrier tells of: the door opens only behind a new one. */
  doubt(): void {
    if (this.#inForce !== undefined) this.#inForce.barrier = undefined;
  }

  /** Writes what k voters must have flushed; answers the same for the same rule. */
  async writeBarrier(role: PrimaryRole): Promise<Position> {
    const rule = this.#inForce;
    if (rule === undefined) throw new DriverError('unavailable', 'The rule is not in force yet.');
    rule.barrier ??= { epoch: role.epoch, value: await writeBarrier(this.#parts.control, role.epoch) };
    return rule.barrier;
  }

  /**
   * True when a checkpoint was made since this primary began; else begins one. It proves that the checkpointer has read
   * the rule, and without it a former primary would be rewound to the wrong epoch.
   */
  isSettled(): boolean {
    this.#checkpoint ??= this.#makeCheckpoint().catch((error: unknown) => {
      this.#checkpoint = undefined;
      this.#parts.options.log.warn({ error }, 'A checkpoint failed; trying again.');
    });
    return this.#hasCheckpoint;
  }

  /** How many voters stand behind the barrier now; undefined while this rule is not in force. */
  async votersBehind(
    role: PrimaryRole,
    isThere: (memberId: string) => boolean = () => true,
  ): Promise<number | undefined> {
    const rule = this.#inForce;
    if (rule?.epoch !== role.epoch || rule.generation !== role.rule.generation) return;
    const { control, options } = this.#parts;
    const { value } = await this.writeBarrier(role);
    const streams = readStreams(await control.query(STREAMS_QUERY)).filter((stream) => isThere(stream.memberId));
    const barrier = readLsn(value);
    const behind = votersBehind(streams, { rule: role.rule, memberId: options.memberId, epoch: role.epoch, barrier });
    if (behind >= role.rule.acknowledgements) rule.isReached = true;
    return behind;
  }

  /** Once enough voters stood behind the barrier of this rule, it counts. */
  async hasQuorum(role: PrimaryRole): Promise<boolean> {
    const rule = this.#inForce;
    if (rule?.epoch !== role.epoch || rule.generation !== role.rule.generation) return false;
    if (!rule.isReached) await this.votersBehind(role);
    return rule.isReached;
  }

  #ruleOf(role: PrimaryRole): InForce {
    const { synchronousStandbyNames: names } = replicationOf(role, this.#parts.options.memberId);
    return { epoch: role.epoch, generation: role.rule.generation, names, barrier: undefined, isReached: false };
  }

  async #makeCheckpoint(): Promise<void> {
    await this.#parts.background.query('checkpoint', [], CHECKPOINT_MS);
    this.#hasCheckpoint = true;
  }

  /** Ends the senders that were made under another rule. Copies that are being made have no name of ours, and go on. */
  async #endOtherStreams(role: PrimaryRole): Promise<void> {
    const { control, options } = this.#parts;
    const rows = await control.query('select pid, application_name as name from pg_stat_replication');
    const pids = rows.flatMap(({ pid, name }) => {
      const stream = readStreamName(String(name));
      const isOther = stream?.epoch !== role.epoch || stream.generation !== role.rule.generation;
      return stream !== undefined && isOther ? [Number(pid)] : [];
    });
    if (pids.length === 0) return;
    await control.query('select pg_terminate_backend(pid) from unnest($1::int[]) as pid', [pids]);
    const deadline = options.clock.monotonicMs() + STREAMS_END_MS;
    for (;;) {
      const left = await control.query('select pid from pg_stat_activity where pid = any($1::int[])', [pids]);
      if (left.length === 0) return;
      if (options.clock.monotonicMs() > deadline) {
        throw new DriverError('unavailable', 'The streams of the old rule do not end.');
      }
      await sleep(options, POLL_MS);
    }
  }
}
