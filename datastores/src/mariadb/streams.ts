// Who copies this primary, as the server itself says, and who of them may be waited for.
import type { CommitRule, Stream } from '../driver.ts';
import { readStreamName } from './accounts.ts';
import type { Row } from './connection.ts';

export const STREAMS_QUERY = `select id, user, state from information_schema.processlist where command = 'Binlog Dump'`;

/** How far behind a stream is, the server does not tell: only whether it has sent all that there is. */
const SENT_ALL = /^Master has sent all binlog/i;

/** Streams under a member's name. `lagBytes` is 1 while it is not known to be 0. */
export function readStreams(rows: readonly Row[], rule: CommitRule, epoch: number): Stream[] {
  const streams = rows.flatMap(({ user, state }) => {
    const name = readStreamName(String(user));
    if (name === undefined) return [];
    const isOfRule = name.epoch === epoch && name.generation === rule.generation;
    return [
      {
        ...name,
        isStreaming: true,
        lagBytes: SENT_ALL.test(String(state)) ? 0 : 1,
        countsForCommit: isOfRule && rule.acknowledgements > 0 && rule.voters.includes(name.memberId),
      },
    ];
  });
  // A replica that came back may be there twice until the server has noticed that its first connection is dead.
  return streams.filter(
    ({ memberId }, index) => streams.findLastIndex((other) => other.memberId === memberId) === index,
  );
}
