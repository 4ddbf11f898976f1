// Who copies this primary, as the server itself says, and what that proves.
import type { CommitRule, Stream } from '../driver.ts';
import { readStreamName, type StreamName } from './config.ts';
import type { Row } from './connection.ts';
import { readLsn } from './positions.ts';

export const STREAMS_QUERY = `select application_name, state, sync_state, flush_lsn::text as flush_lsn,
  pg_current_wal_flush_lsn()::text as own_lsn from pg_stat_replication`;

/** A stream together with what its replica has flushed; undefined before its first answer. */
export interface FlushedStream extends Stream {
  readonly flushed: bigint | undefined;
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
  };
}

/** How many other voters stream under this epoch's and rule's name, and have flushed `barrier` when one is given. */
export function votersBehind(
  streams: readonly FlushedStream[],
  options: { readonly rule: CommitRule; readonly memberId: string; readonly epoch: number; readonly barrier?: bigint },
): number {
  const { rule, memberId, epoch, barrier } = options;
  const counted = streams.filter(
    (stream) =>
      stream.isStreaming &&
      stream.memberId !== memberId &&
      rule.voters.includes(stream.memberId) &&
      stream.epoch === epoch &&
      stream.generation === rule.generation &&
      (barrier === undefined || (stream.flushed !== undefined && stream.flushed >= barrier)),
  );
  return new Set(counted.map((stream) => stream.memberId)).size;
}
