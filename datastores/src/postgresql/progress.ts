// How far this primary's log has been confirmed: asked on a connection of its own, for what is late here keeps clients
// waiting for their answers.
import type { Progress } from '../driver.ts';
import { Connection, type ConnectionOptions } from './connection.ts';
import { isReplica, ownTimeline } from './log-position.ts';
import { writeLsn } from './positions.ts';
import { readStreams, STREAMS_QUERY } from './streams.ts';

const ANSWER_MS = 1_000;

export class ProgressReader {
  readonly #connection: Connection;
  readonly #memberId: string;
  /** What was seen to lead on this connection; the server's end closes it. */
  #epoch: number | undefined;

  constructor(connection: Omit<ConnectionOptions, 'synchronousCommit'>, memberId: string) {
    this.#connection = new Connection({ ...connection, synchronousCommit: 'local' });
    this.#memberId = memberId;
  }

  /** Undefined while the server is not the primary of this epoch. @throws Error when it does not answer */
  async read(epoch: number): Promise<Progress | undefined> {
    if (this.#epoch !== epoch) {
      if ((await isReplica(this.#connection)) || (await ownTimeline(this.#connection)) !== epoch) return undefined;
      this.#epoch = epoch;
    }
    // Read before the streams are: what is confirmed later does no harm.
    const [own] = await this.#connection.query('select pg_current_wal_flush_lsn()::text as lsn', [], ANSWER_MS);
    const streams = readStreams(await this.#connection.query(STREAMS_QUERY, [], ANSWER_MS));
    const confirmed = streams.flatMap(({ memberId, flushed, ...stream }) =>
      stream.epoch !== epoch || flushed === undefined || memberId === this.#memberId
        ? []
        : [{ memberId, position: { epoch, value: writeLsn(flushed) } }],
    );
    return { position: { epoch, value: String(own?.lsn) }, confirmed };
  }

  close(): void {
    this.#epoch = undefined;
    this.#connection.close();
  }
}
