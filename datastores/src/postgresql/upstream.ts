// What a member asks the primary over the replication protocol before it trusts its stream. Whether its log can go on with
// the primary's is asked first: a receiver that turns out not to fit has by then shown the primary its own end as
// flushed, under a name that counts.
import type { Position } from '../definition.ts';
import { DriverError, type DriverOptions, type Upstream } from '../driver.ts';
import type { Row } from '../session.ts';
import { REPLICATION_ROLE } from './config.ts';
import type { Layout } from './layout.ts';

const ANSWER_MS = 5_000;
const CHECKPOINT_MS = 600_000;

export interface Asking {
  readonly layout: Layout;
  readonly options: Pick<DriverOptions, 'clock' | 'session'>;
}

/** The history of an epoch's timeline, from its primary. @throws DriverError `unavailable` while it does not tell */
export async function fetchHistory(upstream: Upstream, epoch: number, asking: Asking): Promise<string> {
  // The first timeline left no other.
  if (epoch === 1) return '';
  const row = await ask(upstream, `TIMELINE_HISTORY ${epoch}`, asking);
  return String(row.content);
}

/** How far the primary's log is flushed now. @throws DriverError `unavailable` while it does not tell */
export async function fetchEnd(upstream: Upstream, asking: Asking): Promise<Position> {
  const row = await ask(upstream, 'IDENTIFY_SYSTEM', asking);
  return { epoch: Number(row.timeline), value: String(row.xlogpos) };
}

/**
 * Has the primary of this epoch make a checkpoint: before its first one its control file names the timeline that it left,
 * and a rewind would find nothing to do. @throws DriverError `unavailable` when it is not that primary, or does not answer
 */
export async function checkpointAt(upstream: Upstream, epoch: number, asking: Asking): Promise<void> {
  const way = { kind: 'member', timeoutMs: CHECKPOINT_MS } as const;
  const found = await ask(
    upstream,
    'select pg_is_in_recovery() as is_replica, substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8) as timeline',
    asking,
    way,
  );
  if (found.is_replica !== false || Number.parseInt(String(found.timeline), 16) !== epoch) {
    throw new DriverError('unavailable', `${upstream.memberId} is not the primary of epoch ${epoch}.`);
  }
  await ask(upstream, 'checkpoint', asking, way);
}

interface Way {
  readonly kind: 'replication' | 'member';
  readonly timeoutMs: number;
}

async function ask(
  upstream: Upstream,
  command: string,
  { layout, options }: Asking,
  { kind, timeoutMs }: Way = { kind: 'replication', timeoutMs: ANSWER_MS },
): Promise<Row> {
  const { memberId, address, port, serverName } = upstream;
  const { rootFile: root, certificateFile: certificate, keyFile: key } = layout;
  const settings = { ...{ address, port, serverName, root, certificate, key }, user: REPLICATION_ROLE };
  const session = options.session({ kind, ...settings }, () => {});
  const answered = session.open().then(() => session.query(command, []));
  let timer: { cancel(): void } | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = options.clock.after(timeoutMs, () => reject(new Error('No answer in time.')));
  });
  try {
    const [row] = await Promise.race([answered, late]);
    return row ?? {};
  } catch (error) {
    throw new DriverError('unavailable', `${memberId} does not answer ${command}.`, { cause: error });
  } finally {
    timer?.cancel();
    session.destroy();
  }
}
