// The whole matrix, a sample of it or one cell: a federation, its kills, and the table.
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { cellOf, type Kill, nameOf, ordered, sampleOf, together } from './cells.ts';
import { PROCESSES } from './control.ts';
import { crashPoints, FederationUnderTest } from './local-federation.ts';
import { operations } from './operations.ts';
import { type Result, Session } from './session.ts';

const MS_PER_SECOND = 1_000;

export interface MatrixOptions {
  /** Undefined: all kills. */
  readonly sample: number | undefined;
  readonly seed: number;
  /** So many kills may be made in one run of an operation; when that run fails, they are made in halves. */
  readonly together: number;
  /** Only what begins with this. */
  readonly cell: string | undefined;
  readonly operations: readonly string[];
  readonly say: (line: string) => void;
  /** A file of the names of kills that ended well, a line each. They are not made again; those made now are added. */
  readonly record?: string | undefined;
  /** So many federations side by side, each with a kill of its own. Absent: 1. */
  readonly workers?: number;
  /** Keeps the state of a federation in which a cell failed. */
  readonly keepsFailed: boolean;
  /** No kill but the first is begun later than this. */
  readonly limitMs?: number;
}

/** @throws Error when no federation can be had, or an operation fails without a kill. */
export async function runMatrix(options: MatrixOptions): Promise<Result[]> {
  const { say, record, workers = 1 } = options;
  const begin = performance.now();
  const first = new Worker(options);
  const results: Result[] = [];
  let queue: Group[] = [];
  const work = async (worker: Worker): Promise<void> => {
    for (let group = queue.shift(); group !== undefined; group = queue.shift()) {
      const isLate = options.limitMs !== undefined && performance.now() - begin > options.limitMs;
      if (isLate && results.length > 0) break;
      const found = await worker.kill(group);
      const isFailed = found.some(({ outcome }) => outcome === 'failed');
      for (const { outcome, seconds, name, reason } of found) {
        if (outcome === 'ok' && record !== undefined) appendFileSync(record, `${name}\n`);
        say(`${outcome.padEnd(6)} ${seconds.toFixed(1).padStart(5)} s  ${name}  ${reason}`);
      }
      if (isFailed && group.length > 1) queue.unshift(...halves(group));
      else results.push(...found);
      // What a failed cell left would be the next one's trouble.
      if (isFailed) await worker.renew();
    }
  };
  try {
    const kills = chosenKills(options, await first.discover());
    const known = new Set(record === undefined ? [] : readRecord(record));
    results.push(...kills.filter((kill) => known.has(nameOf(kill))).map(recorded));
    if (results.length > 0) say(`${results.length} of them ended well before`);
    const open = kills.filter((kill) => !known.has(nameOf(kill)));
    queue = together(ordered(open, options.operations), options.together);
    const all = [first, ...Array.from({ length: workers - 1 }, () => new Worker(options))];
    const ends = await Promise.allSettled(all.map((worker) => work(worker).finally(() => worker.stop())));
    for (const end of ends) if (end.status === 'rejected') throw end.reason;
    return results;
  } finally {
    await first.stop();
    say(`${Math.round((performance.now() - begin) / MS_PER_SECOND)} s`);
  }
}

type Group = readonly [Kill, ...Kill[]];

function chosenKills({ cell, sample, seed, say }: MatrixOptions, all: readonly Kill[]): readonly Kill[] {
  const meant = cell === undefined ? all : all.filter((kill) => isWithin(cell, kill));
  const kills = sample === undefined ? meant : sampleOf(meant, sample, seed);
  say(`${kills.length} kills of ${all.length}${sample === undefined ? '' : `, seed ${seed}`}`);
  return kills;
}

/** Makes kills on a federation of its own, and takes a new one when that is spoiled. */
class Worker {
  readonly #options: MatrixOptions;
  #current: { readonly federation: FederationUnderTest; readonly session: Session } | undefined;
  #hasFailed = false;

  constructor(options: MatrixOptions) {
    this.#options = options;
  }

  /** Every kill there is in the chosen operations. */
  async discover(): Promise<Kill[]> {
    const { session } = await this.#begun();
    const all: Kill[] = [];
    for (const operation of operations) {
      if (this.#options.operations.includes(operation.name)) all.push(...(await session.discover(operation)));
    }
    return all;
  }

  async kill(group: Group): Promise<Result[]> {
    const { session } = await this.#begun();
    const found = await session.kill(group);
    this.#hasFailed = found.some(({ outcome }) => outcome === 'failed');
    return found;
  }

  async renew(): Promise<void> {
    if (this.#current === undefined) return;
    const { federation, session } = this.#current;
    const isClean = await session.clear().then(
      () => true,
      () => false,
    );
    if (!isClean || federation.hasEnded || this.#options.keepsFailed) await this.stop();
    this.#hasFailed = false;
  }

  async stop(): Promise<void> {
    const federation = this.#current?.federation;
    this.#current = undefined;
    const isKept = this.#hasFailed && this.#options.keepsFailed;
    await federation?.stop(isKept);
    if (isKept && federation !== undefined) this.#options.say(`Its state is kept in ${federation.home}`);
  }

  async #begun() {
    this.#current ??= await newSession(this.#options.say);
    return this.#current;
  }
}

async function newSession(say: (line: string) => void) {
  const federation = await FederationUnderTest.start([], crashPoints);
  say(`A federation runs in ${federation.home}`);
  const session = new Session(federation);
  try {
    await session.begin();
    return { federation, session };
  } catch (error) {
    await federation.stop();
    throw error;
  }
}

/** What failed together is found out about in smaller parts. */
function halves(group: Group): Group[] {
  const middle = Math.ceil(group.length / 2);
  return [group.slice(0, middle), group.slice(middle)].filter((half): half is [Kill, ...Kill[]] => half.length > 0);
}

function readRecord(file: string): string[] {
  return existsSync(file) ? readFileSync(file, 'utf8').split('\n') : [];
}

function recorded(kill: Kill): Result {
  return { kill, name: nameOf(kill), cell: cellOf(kill), outcome: 'ok', reason: '', seconds: 0 };
}

function isWithin(cell: string, kill: Kill): boolean {
  return nameOf(kill) === cell || `${nameOf(kill)}/`.startsWith(`${cell}/`);
}

/** A row for each step of each operation, a column for each process: how many kills were survived of how many. */
export function tableOf(results: readonly Result[]): string[] {
  const rows = [...new Set(results.map(({ kill }) => `${kill.operation}/${kill.step}`))];
  const width = Math.max(10, ...rows.map(({ length }) => length));
  const line = (first: string, columns: readonly string[]): string =>
    `${first.padEnd(width)}  ${columns.map((column) => column.padEnd(14)).join('')}`.trimEnd();
  const body = rows.map((row) => {
    const columns = PROCESSES.map((process) => {
      const own = results.filter(({ kill }) => cellOf(kill) === `${row}/${process}`);
      const met = own.filter(({ outcome }) => outcome !== 'missed');
      const failed = met.filter(({ outcome }) => outcome === 'failed').length;
      if (met.length === 0) return own.length === 0 ? '-' : 'missed';
      return failed === 0 ? `ok (${met.length})` : `FAILED (${failed}/${met.length})`;
    });
    return line(row, columns);
  });
  const failures = results
    .filter(({ outcome }) => outcome === 'failed')
    .flatMap(({ name, reason }) => [`failed: ${reason}`, `  again: npm run crash-matrix -- --cell ${name}`]);
  const missed = results.filter(({ outcome }) => outcome === 'missed').map(({ name }) => `not reached: ${name}`);
  return [line('step', PROCESSES), ...body, ...missed, ...failures];
}
