// The agent's own connection to a server of the cluster: as the user who may do everything, with a token that is asked for
// anew when the server knows it no more.
import { type Answer, callServer, EtcdError, type ServerPlace, UNAUTHENTICATED } from './gateway.ts';

/** etcd wants it to be called so. */
export const AGENT_USER = 'root';
const CALL_MS = 2_000;

/** One of the engine's own members, as its list has it. */
export interface ListedMember {
  readonly id: string;
  readonly name: string;
  readonly peerUrls: readonly string[];
  /** It copies, and has no vote yet. */
  readonly isLearner: boolean;
}

export interface ServerStatus {
  readonly version: string;
  readonly ownId: string;
  /** It copies, and has no vote yet. */
  readonly isLearner: boolean;
  /** Absent while there is none. */
  readonly leaderId: string | undefined;
  readonly term: number;
  readonly index: string;
}

export class Client {
  readonly #place: () => ServerPlace;
  readonly #secret: () => string;
  #token: string | undefined;

  constructor(place: () => ServerPlace, secret: () => string) {
    this.#place = place;
    this.#secret = secret;
  }

  /** @throws EtcdError, DriverError */
  async call(path: string, body: object, timeoutMs = CALL_MS): Promise<Answer> {
    const token = this.#token ?? (await this.#authenticate());
    try {
      return await callServer(this.#place(), { path, body, token, timeoutMs });
    } catch (error) {
      if (!(error instanceof EtcdError && error.code === UNAUTHENTICATED)) throw error;
      const again = await this.#authenticate();
      return await callServer(this.#place(), { path, body, token: again, timeoutMs });
    }
  }

  async members(): Promise<ListedMember[]> {
    return membersOf(await this.call('cluster/member/list', {}));
  }

  async status(timeoutMs: number): Promise<ServerStatus> {
    // Nobody need be known for it, so it is told also while there is no leader that could say who is.
    const answer = await callServer(this.#place(), { path: 'maintenance/status', body: {}, timeoutMs });
    const { version, leader = '0', raftTerm = '0', raftAppliedIndex, raftIndex, header, isLearner } = answer;
    return {
      version: String(version ?? ''),
      ownId: String((header as Answer | undefined)?.member_id ?? ''),
      isLearner: isLearner === true,
      leaderId: leader === '0' ? undefined : String(leader),
      term: Number(raftTerm),
      index: String(raftAppliedIndex ?? raftIndex ?? '0'),
    };
  }

  async #authenticate(): Promise<string> {
    const body = { name: AGENT_USER, password: this.#secret() };
    const { token } = await callServer(this.#place(), { path: 'auth/authenticate', body, timeoutMs: CALL_MS });
    this.#token = String(token);
    return this.#token;
  }
}

interface WireMember {
  readonly ID?: string;
  readonly name?: string;
  readonly peerURLs?: readonly string[];
  readonly isLearner?: boolean;
}

export function membersOf(answer: Answer): ListedMember[] {
  const members = (answer.members ?? []) as readonly WireMember[];
  return members.map(({ ID = '', name = '', peerURLs = [], isLearner = false }) => {
    return { id: ID, name, peerUrls: peerURLs, isLearner };
  });
}
