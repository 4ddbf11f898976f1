// The rule by which this primary's commits are acknowledged, and the proof that it is in force. The server waits for one
// replica, whichever answers first: it knows no names and no count. So the names are our business: only members of this
// rule may be connected (an account of its own for each epoch and generation), of these only voters ask to be waited for,
// and streams of an older rule are ended before the new one counts. That one voter has what was written up to here is
// proven by a commit that was begun after that, and was acknowledged.
import { DriverError, type PrimaryRole } from '../driver.ts';
import { sleep } from '../server-process.ts';
import { readStreamName } from './accounts.ts';
import type { Connection } from './connection.ts';
import { ensureStreams, HEARTBEAT } from './contents.ts';
import { newConnection, type Parts } from './parts.ts';

const STREAMS_END_MS = 10_000;
const POLL_MS = 10;
/** How often a primary proves that it can commit. */
const BEAT_MS = 500;
/** A commit may wait for its copy for as long as it takes. */
const WAITING_COMMIT_MS = 24 * 3_600_000;

interface InForce {
  readonly epoch: number;
  readonly generation: number;
  /** Since when; whoever acknowledges what was begun later counts by this rule. */
  readonly sinceMs: number;
  isReached: boolean;
}

/** How many others have a commit before it is acknowledged. @throws DriverError for what the server cannot do */
export function requireWaitable({ rule }: PrimaryRole): number {
  if (rule.acknowledgements <= 1) return rule.acknowledgements;
  throw new DriverError(
    'refused',
    `MariaDB waits for one replica and has no count: it cannot wait for ${rule.acknowledgements} of ${rule.voters.length} voters. A cluster has at most three.`,
  );
}

export class Rule {
  readonly #parts: Parts;
  readonly #beats: Connection;
  #inForce: InForce | undefined;
  #beat: { readonly begunMs: number } | undefined;
  #begunMs = Number.NEGATIVE_INFINITY;
  #provenMs = Number.NEGATIVE_INFINITY;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#beats = newConnection(parts);
  }

  /** Nothing is known of what is in force: the server ended, or is somebody else's. */
  forget(): void {
    this.#inForce = undefined;
    this.#provenMs = Number.NEGATIVE_INFINITY;
    this.drop();
  }

  /** Lets go of a commit that waits. */
  drop(): void {
    this.#beat = undefined;
    this.#beats.close();
  }

  /** Brings a rule into force, on a primary that begins or on one that runs. A repeat does nothing. */
  async bring(role: PrimaryRole): Promise<void> {
    const { control, options } = this.#parts;
    const { epoch, rule } = role;
    const isWaiting = requireWaitable(role) > 0;
    await ensureStreams(control, role, options.clusterId);
    await this.#endOtherStreams(role);
    const known = this.#inForce;
    if (known?.epoch === epoch && known.generation === rule.generation) return;
    const [row] = await control.query('select @@rpl_semi_sync_master_enabled as waits');
    // Switched off, it would let go whoever waits: by this rule they need not wait any more.
    if ((Number(row?.waits) === 1) !== isWaiting) {
      await control.query(`set global rpl_semi_sync_master_enabled = ${isWaiting ? 'on' : 'off'}`);
    }
    this.#inForce = {
      ...{ epoch, generation: rule.generation },
      ...{ sinceMs: options.clock.monotonicMs(), isReached: !isWaiting },
    };
  }

  /** True while this rule is in force and was reached. */
  hasQuorum({ epoch, rule }: PrimaryRole): boolean {
    const known = this.#inForce;
    return known?.epoch === epoch && known.generation === rule.generation && known.isReached;
  }

  /** When a commit was last acknowledged, by this clock. */
  get provenMs(): number {
    return this.#provenMs;
  }

  /** Since when a commit waits; undefined when none does. */
  get waitingSinceMs(): number | undefined {
    return this.#beat?.begunMs;
  }

  /**
   * Commits a row now and then. It is not begun while no voter is connected: a commit that waits for nobody would hold up
   * whoever comes to copy the data, and so keep the voters away that it waits for.
   */
  async beat(role: PrimaryRole): Promise<void> {
    const { control, options } = this.#parts;
    const now = options.clock.monotonicMs();
    if (this.#beat !== undefined || now - this.#begunMs < BEAT_MS || this.#inForce === undefined) return;
    if (role.rule.acknowledgements > 0) {
      const rows = await control.query(
        "show global status where variable_name in ('Rpl_semi_sync_master_clients', 'Rpl_semi_sync_master_status')",
      );
      const status = new Map(rows.map((row) => [row.Variable_name, row.Value]));
      if (status.get('Rpl_semi_sync_master_status') !== 'ON' || Number(status.get('Rpl_semi_sync_master_clients')) < 1)
        return;
    }
    const rule = this.#inForce;
    if (this.#beat !== undefined || rule === undefined) return;
    const begun = { begunMs: options.clock.monotonicMs() };
    this.#beat = begun;
    this.#begunMs = begun.begunMs;
    this.#beats.query(HEARTBEAT, [], WAITING_COMMIT_MS).then(
      () => {
        if (this.#beat !== begun || this.#inForce !== rule) return;
        this.#beat = undefined;
        this.#provenMs = options.clock.monotonicMs();
        if (begun.begunMs >= rule.sinceMs) rule.isReached = true;
      },
      () => {
        if (this.#beat === begun) this.#beat = undefined;
      },
    );
  }

  /** Cuts the session of a commit that waits for voters who do not answer; the row is there, and was promised to nobody. */
  async cutWaiting(): Promise<void> {
    if (this.#beat === undefined) return;
    const { control } = this.#parts;
    const rows = await control.query(
      "select id from information_schema.processlist where host not like '%:%' and info = ?",
      [HEARTBEAT],
    );
    for (const { id } of rows) await control.query(`kill ${Number(id)}`).catch(() => undefined);
    this.drop();
  }

  /** Ends the streams that were made under another rule. Their names are unknown by now: they do not come back. */
  async #endOtherStreams({ epoch, rule }: PrimaryRole): Promise<void> {
    const { control, options } = this.#parts;
    const list = async (): Promise<{ id: number; user: string }[]> => {
      const rows = await control.query('select id, user from information_schema.processlist');
      return rows.map(({ id, user }) => ({ id: Number(id), user: String(user) }));
    };
    // One that is being made under an old name has been let in, or will not be: it is told apart from nobody.
    const others = (await list()).filter(({ user }) => {
      const name = readStreamName(user);
      if (name === undefined) return user === 'unauthenticated user';
      return name.epoch !== epoch || name.generation !== rule.generation;
    });
    const ids = new Set(others.map(({ id }) => id));
    for (const id of ids) await control.query(`kill ${id}`).catch(() => undefined);
    const deadline = options.clock.monotonicMs() + STREAMS_END_MS;
    while (ids.size > 0 && (await list()).some(({ id }) => ids.has(id))) {
      if (options.clock.monotonicMs() > deadline) {
        throw new DriverError('unavailable', 'The streams of the old rule do not end.');
      }
      await sleep(options, POLL_MS);
    }
  }
}
