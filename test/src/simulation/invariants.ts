// What must never happen: a write that was acknowledged, or a row that was read, is missing in a log that is elected
// later, or in an asynchronous cluster one that is older than the bound, or one that was acknowledged after the election; two members complete commits in one epoch; two logs that end in the same place are not the same.
import type { DataDirectory, LogRecord } from './database/data-directory.ts';
import type { DatabaseServer } from './database/server.ts';

export class Violation extends Error {
  override readonly name = 'Violation';
}

const MS_PER_SECOND = 1_000;
/** The bound is counted by a clock that may run as slow as this. */
const SLOW_CLOCK = 1.01;

interface Elected {
  readonly epoch: number;
  readonly memberId: string;
  readonly log: DataDirectory | undefined;
  readonly records: readonly LogRecord[];
}

export class Invariants {
  /** In the order in which they were told. */
  readonly acknowledged: LogRecord[] = [];
  /** Rows that a client was shown, and the oldest epoch in which it was. */
  readonly #read = new Map<LogRecord, number>();
  readonly #committers = new Map<number, string>();
  readonly #elected = new Map<number, Elected>();
  readonly #places = new Map<string, LogRecord>();
  readonly #toldMs = new Map<LogRecord, number>();
  readonly #boundMs: number | undefined;
  #newestMs = 0;

  /** `rpoSeconds`: of an asynchronous cluster. */
  constructor(rpoSeconds?: number) {
    this.#boundMs = rpoSeconds === undefined ? undefined : rpoSeconds * MS_PER_SECOND * SLOW_CLOCK;
  }

  get elections(): number {
    return this.#elected.size;
  }

  get readRows(): number {
    return this.#read.size;
  }

  /** @throws Violation */
  commitTold(record: LogRecord, server: DatabaseServer, nowMs: number): void {
    const { memberId } = server.host;
    const epoch = server.timeline;
    const other = this.#committers.get(epoch) ?? memberId;
    if (other !== memberId) throw new Violation(`${memberId} and ${other} both complete commits in epoch ${epoch}`);
    this.#committers.set(epoch, memberId);
    this.acknowledged.push(record);
    this.#toldMs.set(record, nowMs);
    this.#newestMs = nowMs;
    this.#mustBeInLater(record, epoch, 'acknowledged');
  }

  /** What is shown in an epoch may come from an older one, whose tail the election has kept. */
  rowsRead(records: readonly LogRecord[], { host, timeline }: DatabaseServer): void {
    // What is shown before it is confirmed can be lost with its writer.
    if (this.#boundMs !== undefined) return;
    for (const record of records) {
      const known = this.#read.get(record);
      if (known !== undefined && known <= timeline) continue;
      this.#read.set(record, timeline);
      this.#mustBeInLater(record, timeline, `shown to a client by ${host.memberId}, written`);
    }
  }

  #mustBeInLater(record: LogRecord, told: number, what: string): void {
    for (const { epoch, memberId, records } of this.#elected.values()) {
      if (epoch <= told || (holds(records, record) && this.#boundMs === undefined)) continue;
      throw new Violation(
        `row ${record.content} of epoch ${record.timeline} was ${what} by ${record.by}, but ${memberId} was already elected for epoch ${epoch} without it`,
      );
    }
  }

  /** A primary was committed for an epoch. */
  elected(epoch: number, memberId: string, data: DataDirectory | undefined): void {
    const known = this.#elected.get(epoch);
    if (known !== undefined) {
      if (known.memberId === memberId) return;
      throw new Violation(`${known.memberId} and ${memberId} were both elected for epoch ${epoch}`);
    }
    const records = data?.records.slice(0, data.flushed) ?? [];
    this.#elected.set(epoch, { epoch, memberId, log: data, records });
    if (epoch > 1) this.#mustHaveAll(records, `${memberId} was elected for epoch ${epoch}`);
  }

  promoted(server: DatabaseServer, epoch: number): void {
    // One that was passed over since can complete nothing, and need not know what was written after it.
    const what = `${server.host.memberId} was promoted to epoch ${epoch}`;
    this.#mustHaveAll(server.data.records, what, epoch);
  }

  #mustHaveAll(records: readonly LogRecord[], what: string, epoch = Number.POSITIVE_INFINITY): void {
    const missing = this.acknowledged.filter((record) => record.timeline <= epoch && !holds(records, record));
    const lost = missing.filter((record) => !this.#mayBeLost(record));
    if (lost.length > 0) {
      const [first] = lost as [LogRecord];
      throw new Violation(
        `${what} without ${lost.length} acknowledged rows, such as ${first.content} of epoch ${first.timeline} by ${first.by}`,
      );
    }
    this.#forget(missing);
    for (const [record, shown] of this.#read) {
      if (shown <= epoch && !holds(records, record))
        throw new Violation(`${what} without row ${record.content}, which a client has read`);
    }
  }

  /** Nothing was acknowledged while it was older than the bound. */
  #mayBeLost(record: LogRecord): boolean {
    return this.#boundMs !== undefined && this.#newestMs - (this.#toldMs.get(record) ?? 0) <= this.#boundMs;
  }

  #forget(lost: readonly LogRecord[]): void {
    if (lost.length === 0) return;
    const gone = new Set(lost);
    const kept = this.acknowledged.filter((record) => !gone.has(record));
    this.acknowledged.splice(0, this.acknowledged.length, ...kept);
  }

  /** Losing writes was accepted: what this log has not counts no more. */
  accepted(data: DataDirectory | undefined): number {
    const records = data?.records ?? [];
    const kept = this.acknowledged.filter((record) => holds(records, record));
    const lost = this.acknowledged.length - kept.length;
    this.acknowledged.splice(0, this.acknowledged.length, ...kept);
    for (const record of [...this.#read.keys()]) if (!holds(records, record)) this.#read.delete(record);
    return lost;
  }

  /** Records that end in the same place of the same timeline are the same, and so is all before them. */
  matching(memberId: string, data: DataDirectory): void {
    for (const record of data.records.slice(0, data.flushed)) {
      const place = `${record.timeline}/${record.end}`;
      const known = this.#places.get(place) ?? record;
      if (known !== record) {
        throw new Violation(
          `the logs of ${memberId} and of ${known.by} differ before ${record.end} of epoch ${record.timeline}`,
        );
      }
      this.#places.set(place, record);
    }
  }

  /** At the end everybody has everything. */
  finallyWhole(memberId: string, data: DataDirectory | undefined): void {
    this.#mustHaveAll(data?.records ?? [], `${memberId} ends`);
  }
}

function holds(records: readonly LogRecord[], record: LogRecord): boolean {
  let [low, high] = [0, records.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((records[middle] as LogRecord).end < record.end) low = middle + 1;
    else high = middle;
  }
  return records[low] === record;
}
