// How the server is, asked on connections that are kept. A primary proves itself by committing a row through the quorum
// within a deadline; a commit that still waits is left waiting (cancelling it would make it visible unacknowledged).
import type { DriverOptions, Hearing, ProbeResult, Role } from '../driver.ts';
import { sleep } from '../server-process.ts';
import { Connection, type ConnectionOptions } from './connection.ts';
import { dropIdleSlots, HEARTBEAT } from './contents.ts';
import type { Door } from './door.ts';
import type { Layout } from './layout.ts';
import { LSN_QUERY, positionAt } from './log-position.ts';
import { ROOM_SETTINGS } from './parameters.ts';
import type { PostgresServer } from './server.ts';
import { readStreams, STREAMS_QUERY } from './streams.ts';

/** How long a primary's heartbeat may wait for its quorum before the member counts as not up. */
export const HEARTBEAT_MS = 1_500;
const STATUS_MS = 1_500;
const NOT_YET_PRIMARY = 'The database is not the primary that it is to be: its promotion has not ended.';
/** A commit may wait for its quorum for as long as it takes. */
const WAITING_COMMIT_MS = 24 * 3_600_000;

export interface ProbeParts {
  readonly options: DriverOptions;
  readonly layout: Layout;
  readonly server: PostgresServer;
  readonly door: Door;
  readonly connection: Omit<ConnectionOptions, 'synchronousCommit'>;
  /** What the member is to be, at this moment. */
  readonly role: () => Role | undefined;
}

export class Probe {
  readonly #parts: ProbeParts;
  readonly #status: Connection;
  readonly #heartbeat: Connection;
  #waiting: { readonly answer: Promise<string>; readonly sinceMs: number } | undefined;
  /** When this replica last heard of its primary, as far as is known. */
  #heard: { readonly role: Role; readonly atMs: number } | undefined;

  constructor(parts: ProbeParts) {
    this.#parts = parts;
    this.#status = new Connection({ ...parts.connection, synchronousCommit: 'local' });
    this.#heartbeat = new Connection({ ...parts.connection, synchronousCommit: 'on' });
  }

  async run(isRunning: boolean): Promise<ProbeResult> {
    if (!isRunning) return this.#down('The database is not running.');
    try {
      const result = await this.#ask(this.#parts.role());
      await this.#keepHouse();
      return result;
    } catch (error) {
      return this.#down(error instanceof Error ? error.message : 'The database does not answer.');
    }
  }

  close(): void {
    this.#status.close();
    this.#heartbeat.close();
    this.#waiting = undefined;
  }

  async #ask(role: Role | undefined): Promise<ProbeResult> {
    const { door } = this.#parts;
    const [kind] = await this.#status.query(LSN_QUERY, [], STATUS_MS);
    const isPrimary = kind?.is_replica === false && role?.kind === 'primary';
    const detail = isPrimary ? await this.#beat() : role?.kind === 'primary' ? NOT_YET_PRIMARY : '';
    const streams = isPrimary ? readStreams(await this.#status.query(STREAMS_QUERY, [], STATUS_MS)) : [];
    const [end] = await this.#status.query(LSN_QUERY, [], STATUS_MS);
    return {
      isUp: detail === '',
      isOpen: isPrimary && door.isOpen,
      hearing: role?.kind === 'replica' ? await this.#listen(role) : undefined,
      position: typeof end?.lsn === 'string' ? await positionAt(this.#parts, end.lsn) : undefined,
      streams: streams.map(({ flushed: _flushed, answeredAt: _at, ...stream }) => stream),
      serverVersion: String(end?.version).split(' ')[0] ?? '',
      detail,
    };
  }

  /** A primary's heartbeat comes once a second: the age of the last message tells more than a connection does. */
  async #listen(role: Role): Promise<Hearing> {
    const [row] = await this.#status.query(
      `select status = 'streaming' as is_streaming,
        extract(epoch from clock_timestamp() - last_msg_receipt_time) * 1000 as age_ms from pg_stat_wal_receiver`,
      [],
      STATUS_MS,
    );
    const now = this.#parts.options.clock.monotonicMs();
    const ageMs = typeof row?.age_ms === 'string' ? Math.max(0, Number(row.age_ms)) : undefined;
    const before = this.#heard?.role === role ? this.#heard.atMs : ageMs === undefined ? now : now - ageMs;
    const atMs = ageMs === undefined ? before : Math.max(before, now - ageMs);
    this.#heard = { role, atMs };
    return { isStreaming: row?.is_streaming === true, silentMs: Math.round(now - atMs) };
  }

  /** Empty when the heartbeat is committed in time, else the reason. */
  async #beat(): Promise<string> {
    const { clock } = this.#parts.options;
    const waiting = this.#waiting ?? { answer: this.#commit(), sinceMs: clock.monotonicMs() };
    this.#waiting = waiting;
    void waiting.answer.finally(() => {
      if (this.#waiting === waiting) this.#waiting = undefined;
    });
    const leftMs = Math.max(0, waiting.sinceMs + HEARTBEAT_MS - clock.monotonicMs());
    const late = 'A commit waits for its quorum: too few voters acknowledge.';
    return await Promise.race([waiting.answer, sleep(this.#parts.options, leftMs).then(() => late)]);
  }

  #commit(): Promise<string> {
    return this.#heartbeat.query(HEARTBEAT, [], WAITING_COMMIT_MS).then(
      () => '',
      () => 'The heartbeat cannot be written.',
    );
  }

  /** What keeps the log for a member that copies from here no more is dropped. */
  async #keepHouse(): Promise<void> {
    const kind = this.#parts.role()?.kind;
    if (kind === undefined) return;
    if (kind === 'replica') await this.#outgrow();
    await dropIdleSlots(this.#status, () => {
      const role = this.#parts.role();
      return role?.kind === 'primary' ? role.peers : [];
    });
  }

  /** A standby that has less room than its primary's log tells of stops replaying: it starts anew. */
  async #outgrow(): Promise<void> {
    const [row] = await this.#status.query(
      `select pg_is_in_recovery() and pg_get_wal_replay_pause_state() = 'paused' as is_paused,
        json_object_agg(name, setting)::text as settings
        from pg_settings where name = any($1)`,
      [ROOM_SETTINGS],
    );
    if (row?.is_paused !== true) return;
    const { options, server } = this.#parts;
    const settings = JSON.parse(String(row.settings)) as Record<string, string>;
    const { room } = await server.controlFile();
    const needed = Object.entries(room).filter(([name, value]) => value > Number(settings[name]));
    if (needed.length === 0 || server.pid === undefined) return;
    options.log.info({ needed }, 'The primary has more room: the database starts anew.');
    options.processes.signal(server.pid, 'SIGINT');
  }

  #down(detail: string): ProbeResult {
    const isOpen = false;
    return { isUp: false, isOpen, hearing: undefined, position: undefined, streams: [], serverVersion: '', detail };
  }
}
