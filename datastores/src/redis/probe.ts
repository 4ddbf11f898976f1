// How the server is. A primary proves itself by a write that changes nothing: what would refuse a client's write (too few
// replicas, a full disk) refuses it too.
import type { Position } from '../definition.ts';
import {
  DriverError,
  type DriverOptions,
  type Hearing,
  type PrimaryRole,
  type ProbeResult,
  type Role,
  type Stream,
} from '../driver.ts';
import type { Accounts } from './accounts.ts';
import type { Client, Info } from './client.ts';
import { MAX_LAG_SECONDS, readStreamName } from './config.ts';

const PROBE_KEY = 'argosy:probe';

export interface ProbeParts {
  readonly options: DriverOptions;
  readonly client: Client;
  readonly accounts: Accounts;
  readonly role: () => Role | undefined;
  readonly position: (offset: number) => Position;
  readonly keepHouse: () => Promise<void>;
}

export class Probe {
  readonly #parts: ProbeParts;
  /** When this replica last heard of its primary, as far as is known. */
  #heard: { readonly role: Role; readonly offset: number; readonly atMs: number } | undefined;
  #version = '';

  constructor(parts: ProbeParts) {
    this.#parts = parts;
  }

  forget(): void {
    this.#heard = undefined;
  }

  async run(isRunning: boolean): Promise<ProbeResult> {
    if (!isRunning) return down('The database is not running.');
    try {
      const result = await this.#ask(this.#parts.role());
      void this.#parts.keepHouse().catch(() => undefined);
      return result;
    } catch (error) {
      return down(error instanceof DriverError ? error.message : `The database refuses: ${String(error)}`);
    }
  }

  async #ask(role: Role | undefined): Promise<ProbeResult> {
    const { client, accounts, position } = this.#parts;
    const info = await client.info('replication');
    const isPrimary = !info.has('master_host') && role?.kind === 'primary';
    const offset = Number(info.get('master_repl_offset'));
    if (this.#version === '') this.#version = (await client.info('server')).get('redis_version') ?? '';
    const detail = isPrimary ? await this.#tryWrite() : this.#complaint(role, info);
    return {
      isUp: detail === '',
      isOpen: isPrimary && accounts.isOpen,
      hearing: role?.kind === 'replica' ? this.#listen(role, info) : undefined,
      position: position(offset),
      streams: isPrimary ? streamsOf(info, role) : [],
      serverVersion: this.#version,
      detail,
    };
  }

  #complaint(role: Role | undefined, info: Info): string {
    if (role?.kind !== 'replica' || info.get('master_sync_in_progress') !== '1') return '';
    return 'The data are being copied from the primary.';
  }

  /** Of a key that is not there nothing is removed. Empty when it was taken. */
  async #tryWrite(): Promise<string> {
    try {
      await this.#parts.client.call('DEL', PROBE_KEY);
      return '';
    } catch (error) {
      if (error instanceof DriverError) throw error;
      const text = error instanceof Error ? error.message : String(error);
      return text.startsWith('NOREPLICAS')
        ? 'A write waits for its quorum: too few replicas answer.'
        : `The database takes no writes: ${text}`;
    }
  }

  /** A primary sends something each second: the age of the last of it tells more than a connection does. */
  #listen(role: Role, info: Info): Hearing {
    const now = this.#parts.options.clock.monotonicMs();
    const offset = Number(info.get('master_repl_offset'));
    const isStreaming = info.get('master_link_status') === 'up';
    const ageMs = Number(info.get('master_last_io_seconds_ago') ?? '-1') * 1_000;
    const before = this.#heard?.role === role ? this.#heard : undefined;
    const hasMoved = before === undefined || before.offset !== offset;
    const byAge = isStreaming && ageMs >= 0 ? now - ageMs : Number.NEGATIVE_INFINITY;
    const atMs =
      hasMoved && isStreaming ? now : Math.max(before?.atMs ?? now, byAge === now ? Number.NEGATIVE_INFINITY : byAge);
    this.#heard = { role, offset, atMs };
    return { isStreaming, silentMs: Math.max(0, Math.round(now - atMs)) };
  }
}

/** Who copies this primary, as the replicas call themselves. */
export function streamsOf(info: Info, role: PrimaryRole): Stream[] {
  const own = Number(info.get('master_repl_offset'));
  return [...info].flatMap(([name, text]) => {
    if (!/\d$/.test(name) || !text.startsWith('ip=')) return [];
    const fields = new Map(
      text.split(',').map((field): [string, string] => {
        const [key = '', value = ''] = field.split('=');
        return [key, value];
      }),
    );
    const stream = readStreamName(fields.get('ip') ?? '');
    if (stream === undefined) return [];
    const isStreaming = fields.get('state') === 'online' && Number(fields.get('lag')) <= MAX_LAG_SECONDS;
    const isOfRule = stream.epoch === role.epoch && stream.generation === role.rule.generation;
    const lagBytes = Math.max(0, own - Number(fields.get('offset')));
    return [
      { ...stream, isStreaming, lagBytes, countsForCommit: isOfRule && role.rule.voters.includes(stream.memberId) },
    ];
  });
}

function down(detail: string): ProbeResult {
  const isOpen = false;
  return { isUp: false, isOpen, hearing: undefined, position: undefined, streams: [], serverVersion: '', detail };
}
