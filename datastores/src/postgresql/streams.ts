// Who copies this primary, as the server itself says, and what that proves.
import type { CommitRule, Stream } from '../driver.ts';
import type { Row } from '../session.ts';
import { readStreamName, type StreamName } from './config.ts';
import { readLsn } from './positions.ts';

export const STREAMS_QUERY = `select application_name, state, sync_state, flush_lsn::text as flush_lsn,
  reply_time::text as answered_at,
  pg_current_wal_flush_lsn()::text as own_lsn from pg_stat_replication`;

/** A stream together with what its replica has flushed; undefined before its first answer. */
export interface FlushedStream extends Stream {
  readonly flushed: bigint | undefined;
  /** The replica's own word for when; each answer has another. */
  readonly answeredAt: string;
}

/** Streams under a member's name; what else there is (a copy being made) has no name of ours. */
export function readStreams(rows: readonly Row[]): FlushedStream[] {
  return rows.flatMap((row) => {
    const name = readStreamName(String(row.application_name));
    return name === undefined ? [] : [readStream(row, name)];
  });
}

function readStream(row: Row, name: StreamName): FlushedStream {
  const flushed = row.flush_lsn === null ? undefined : readLsn(String(row.flush_lsn));
  const own = readLsn(String(row.own_lsn));
  const lag = flushed === undefined ? own : own > flushed ? own - flushed : 0n;
  return {
    ...name,
    isStreaming: row.state === 'streaming',
    lagBytes: Number(lag),
    countsForCommit: row.sync_state === 'quorum' || row.sync_state === 'sync',
    flushed,
    answeredAt: String(row.answered_at),
  };
}

interface Count {
  readonly rule: CommitRule;
  readonly memberId: string;
  readonly epoch: number;
}

/** How many other voters stream under this epoch's and rule's name, and have flushed `barrier`. */
export function votersBehind(streams: readonly FlushedStream[], count: Count & { readonly barrier: bigint }): number {
  const counted = streams.filter(
    ({ generation, flushed }) =>
      generation === count.rule.generation && flushed !== undefined && flushed >= count.barrier,
  );
  return votersStreaming(counted, count);
}

/** How many other voters stream in this epoch, by whatever rule: none of them has promised a later epoch. */
export function votersStreaming(streams: readonly FlushedStream[], { rule, memberId, epoch }: Count): number {
  const counted = streams.filter(
    (stream) =>
      stream.isStreaming &&
      stream.memberId !== memberId &&
      stream.epoch === epoch &&
      rule.voters.includes(stream.memberId),
  );
  return new Set(counted.map((stream) => stream.memberId)).size;
}
