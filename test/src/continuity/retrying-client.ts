// The client of a cluster and of its peer: it writes one number after another, each by itself, and looks for the member that
// takes writes again as soon as one is not acknowledged. A number whose answer did not come is never written again.
const ANSWER_LIMIT_MS = 1_000;
const RETRY_MS = 10;
const BREATH_MS = 5;
/** Longer than a connection takes. */
const PATIENCE_MS = 1_500;
const CHECK_LIMIT_MS = 60_000;

export interface Place {
  readonly host: string;
  readonly port: number;
}

export interface Login {
  readonly user: string;
  readonly password: string;
  readonly database: string;
  /** The authority that signed the members' certificates, PEM. Absent: without TLS. */
  readonly ca?: string;
}

export interface Written {
  readonly number: number;
  /** Where the engine can tell: in which epoch it was written, and by whom. */
  readonly epoch?: string;
  readonly member?: string;
}

/** A connection to the member that takes writes. */
export interface Session {
  /** Of that member; it may become another one. */
  readonly place: Place | undefined;
  /** False when it was answered, and not acknowledged. @throws Error when there is no answer, or a refusal */
  write(number: number): Promise<boolean>;
  written(): Promise<readonly Written[]>;
  close(): void;
}

/** Undefined when no member takes writes for a while; each answer must come within `answerMs`. */
export type Connect = (answerMs: number) => Promise<Session | undefined>;

export interface Checked {
  readonly acknowledged: number;
  /** Acknowledged, and not there. */
  readonly lost: readonly number[];
  /** There more than once. */
  readonly doubled: readonly number[];
  /** Epochs in which more than one member has completed a commit. */
  readonly shared: readonly string[];
}

export class RetryingClient {
  readonly #connect: Connect;
  readonly #ended: Promise<void>;
  readonly #acknowledged: { readonly number: number; readonly atMs: number }[] = [];
  #next = 1;
  #place: Place | undefined;
  #isEnding = false;

  constructor(connect: Connect) {
    this.#connect = connect;
    this.#ended = this.#run();
  }

  /** Where it writes, or wrote last. */
  get place(): Place | undefined {
    return this.#place;
  }

  get acknowledged(): number {
    return this.#acknowledged.length;
  }

  /** Of `performance.now()`. */
  get lastMs(): number {
    return this.#acknowledged.at(-1)?.atMs ?? 0;
  }

  /** The longest time between two acknowledgements of which the second came after `sinceMs`. */
  longestPauseMs(sinceMs: number): number {
    let longest = 0;
    for (let index = this.#acknowledged.length - 1; index > 0; index -= 1) {
      const [before, after] = [this.#acknowledged[index - 1]?.atMs ?? 0, this.#acknowledged[index]?.atMs ?? 0];
      if (after < sinceMs) break;
      longest = Math.max(longest, after - before);
    }
    return Math.round(longest);
  }

  /** What has become of all that was acknowledged up to now, as the member that takes writes has it. */
  async check(): Promise<Checked> {
    const asked = this.#acknowledged.map(({ number }) => number);
    const deadline = performance.now() + CHECK_LIMIT_MS;
    for (;;) {
      const rows = await this.#rows().catch(() => undefined);
      if (rows !== undefined) return checked(asked, rows);
      if (performance.now() > deadline) throw new Error('No member that takes writes can be asked for them.');
    }
  }

  async end(): Promise<void> {
    this.#isEnding = true;
    await this.#ended;
  }

  async #run(): Promise<void> {
    while (!this.#isEnding) {
      const session = await this.#connect(ANSWER_LIMIT_MS);
      if (session === undefined) continue;
      try {
        while (!this.#isEnding) await this.#write(session);
      } catch {
        // Another member, or the same one once more.
      }
      session.close();
    }
  }

  async #rows(): Promise<readonly Written[]> {
    const session = await this.#connect(CHECK_LIMIT_MS);
    if (session === undefined) throw new Error('No member takes writes.');
    try {
      return await session.written();
    } finally {
      session.close();
    }
  }

  async #write(session: Session): Promise<void> {
    const number = this.#next++;
    const isAcknowledged = await session.write(number);
    if (isAcknowledged) this.#acknowledged.push({ number, atMs: performance.now() });
    this.#place = session.place;
    await pause(BREATH_MS);
  }
}

/**
 * The session of the first of these that `open` gives one of; undefined when none does for a while. Each is asked again and
 * again by itself, so that who is cut off delays nobody.
 */
export async function firstOf(
  places: readonly Place[],
  open: (place: Place) => Promise<Session>,
): Promise<Session | undefined> {
  let isOver = false;
  const find = new Promise<Session>((resolve) => {
    const seek = async (place: Place): Promise<void> => {
      while (!isOver) {
        const session = await open(place).catch(() => undefined);
        if (session === undefined) await pause(RETRY_MS);
        else if (isOver) session.close();
        else {
          isOver = true;
          resolve(session);
        }
      }
    };
    for (const place of places) void seek(place);
  });
  const found = await Promise.race([find, pause(PATIENCE_MS).then(() => undefined)]);
  isOver = true;
  return found;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function checked(asked: readonly number[], rows: readonly Written[]): Checked {
  const times = new Map<number, number>();
  const members = new Map<string, Set<string>>();
  for (const { number, epoch, member } of rows) {
    times.set(number, (times.get(number) ?? 0) + 1);
    if (epoch === undefined || member === undefined) continue;
    members.set(epoch, (members.get(epoch) ?? new Set()).add(member));
  }
  return {
    acknowledged: asked.length,
    lost: asked.filter((number) => !times.has(number)),
    doubled: [...times].filter(([, count]) => count > 1).map(([number]) => number),
    shared: [...members].filter(([, who]) => who.size > 1).map(([epoch]) => epoch),
  };
}
