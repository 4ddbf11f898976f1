// How the server is, asked on a connection that is kept. A primary proves itself by committing a row through its rule
// within a deadline; a commit that still waits is left waiting (cutting it would make it visible unacknowledged).
import type { Hearing, ProbeResult, Role } from '../driver.ts';
import { sleep } from '../server-process.ts';
import type { Connection, Row } from './connection.ts';
import type { Door } from './door.ts';
import { readPosition } from './gtid.ts';
import { newConnection, type Parts } from './parts.ts';
import { received } from './replica.ts';
import type { Rule } from './rule.ts';
import { readStreams, STREAMS_QUERY } from './streams.ts';

/** How long ago a primary's last acknowledged commit may be before the member counts as not up. */
export const HEARTBEAT_MS = 1_500;
const STATUS_MS = 1_500;
const POLL_MS = 20;

export interface ProbeParts extends Parts {
  readonly door: Door;
  readonly rule: Rule;
  /** What the member is to be, at this moment. */
  readonly role: () => Role | undefined;
}

export class Probe {
  readonly #parts: ProbeParts;
  readonly #status: Connection;
  /** When this replica last heard of its primary, and by what it is seen that there was something new. */
  #heard: { readonly role: Role; readonly sign: string; readonly atMs: number } | undefined;

  constructor(parts: ProbeParts) {
    this.#parts = parts;
    this.#status = newConnection(parts);
  }

  async run(isRunning: boolean): Promise<ProbeResult> {
    if (!isRunning) return down('The database is not running.');
    try {
      return await this.#ask(this.#parts.role());
    } catch (error) {
      return down(error instanceof Error ? error.message : 'The database does not answer.');
    }
  }

  close(): void {
    this.#status.close();
  }

  async #ask(role: Role | undefined): Promise<ProbeResult> {
    const { door } = this.#parts;
    const [kind] = await this.#query('select @@global.server_id as number, @@global.read_only as is_at_rest');
    const isPrimary = role?.kind === 'primary' && Number(kind?.number) === role.epoch && Number(kind?.is_at_rest) === 0;
    const detail = isPrimary ? await this.#beat(role) : '';
    const streams = isPrimary ? readStreams(await this.#query(STREAMS_QUERY), role.rule, role.epoch) : [];
    const [status] = role?.kind === 'replica' ? await this.#query('show all slaves status') : [];
    const [end] = await this.#query('select @@global.gtid_binlog_pos as end, version() as version');
    const log = readPosition(String(end?.end));
    return {
      isUp: detail === '' && (role?.kind !== 'primary' || isPrimary),
      isOpen: isPrimary && door.isOpen,
      hearing: role?.kind === 'replica' ? this.#listen(role, status) : undefined,
      position: status === undefined ? log : received(String(status.Gtid_IO_Pos), log),
      streams,
      serverVersion: String(end?.version).split('-')[0] ?? '',
      detail: detail === '' && role?.kind === 'primary' && !isPrimary ? 'The database does not lead yet.' : detail,
    };
  }

  /** Empty when a commit was acknowledged a moment ago, or is now; else the reason. */
  async #beat(role: Role & { readonly kind: 'primary' }): Promise<string> {
    const { rule, options } = this.#parts;
    const deadline = options.clock.monotonicMs() + HEARTBEAT_MS;
    for (;;) {
      const now = options.clock.monotonicMs();
      if (now - rule.provenMs < HEARTBEAT_MS) return '';
      if (now > deadline) {
        return rule.waitingSinceMs === undefined
          ? 'No voter is connected that a commit could wait for.'
          : 'A commit waits for its copy: too few voters acknowledge.';
      }
      await rule.beat(role);
      await sleep(options, POLL_MS);
    }
  }

  /** The server counts what comes, and does not say when: that something has changed since it was last asked does. */
  #listen(role: Role, status: Row | undefined): Hearing {
    const now = this.#parts.options.clock.monotonicMs();
    const isStreaming = status?.Slave_IO_Running === 'Yes';
    const sign = isStreaming
      ? [status.Master_Log_File, status.Read_Master_Log_Pos, status.Slave_received_heartbeats].join(' ')
      : '';
    const known = this.#heard?.role === role ? this.#heard : undefined;
    const isNew = known === undefined || (sign !== '' && sign !== known.sign);
    if (isNew) this.#heard = { role, sign, atMs: now };
    return { isStreaming, silentMs: Math.round(now - (this.#heard?.atMs ?? now)) };
  }

  #query(text: string): Promise<readonly Row[]> {
    return this.#status.query(text, [], STATUS_MS);
  }
}

function down(detail: string): ProbeResult {
  const isOpen = false;
  return { isUp: false, isOpen, hearing: undefined, position: undefined, streams: [], serverVersion: '', detail };
}
