// How a member of a group is, asked on a connection that is kept. It is up when a majority is behind it: to read the list of
// members it waits for all that was acknowledged before, and that needs the others.
import type { ProbeResult, Upstream } from '../../driver.ts';
import type { Connection } from '../connection.ts';
import { newConnection } from '../parts.ts';
import type { GroupParts } from './data.ts';
import { MEMBERS_QUERY, readMembers, readStanding, type Standing } from './group.ts';
import { type GroupPosition, writeGroupPosition } from './position.ts';

const STATUS_MS = 1_500;
const VERSION = 'select version() as version';

/** What was found; `members` only where a majority stands behind the answer. */
export interface Found {
  readonly standing: Standing | undefined;
  readonly members: readonly Upstream[] | undefined;
  readonly result: ProbeResult;
}

export class GroupProbe {
  readonly #memberId: string;
  readonly #connection: Connection;

  constructor(parts: GroupParts) {
    this.#memberId = parts.options.memberId;
    this.#connection = newConnection(parts);
  }

  close(): void {
    this.#connection.close();
  }

  /** Of a server that runs. */
  async run(): Promise<Found> {
    let standing: Standing | undefined;
    try {
      standing = await readStanding(this.#connection, STATUS_MS);
      const { position } = standing;
      if (!standing.isPrimary) return found(standing, 'The engine has no majority here.', position);
      if (!standing.isReady) return found(standing, `The member is not there yet: ${standing.state}.`, position);
      const members = readMembers(await this.#connection.query(MEMBERS_QUERY, [], STATUS_MS));
      const isCounted = members.some(({ memberId }) => memberId === this.#memberId);
      const [row] = await this.#connection.query(VERSION, [], STATUS_MS);
      const serverVersion = String(row?.version).split('-')[0] ?? '';
      const detail = isCounted ? '' : 'The member was dismissed.';
      return { standing, members, result: { ...result(detail, position), serverVersion } };
    } catch (error) {
      return found(standing, error instanceof Error ? error.message : 'The database does not answer.', undefined);
    }
  }
}

function found(standing: Standing | undefined, detail: string, position: GroupPosition | undefined): Found {
  return { standing, members: undefined, result: result(detail, position) };
}

/** It is up where there is nothing to say against it. */
export function result(detail: string, position: GroupPosition | undefined): ProbeResult {
  const isUp = detail === '';
  return {
    ...{ isUp, isOpen: isUp, hearing: undefined, streams: [], serverVersion: '', detail },
    position: position && { epoch: 1, value: writeGroupPosition(position) },
  };
}
