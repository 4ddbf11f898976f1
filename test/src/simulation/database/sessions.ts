// Connections to simulated servers: an agent's to its own, by the socket, and to another member's by the replication
// protocol; a tenant's by the network, when the door is open.
import type { OpenSession, Row, Session, SessionSettings } from '@argosy/datastores/drivers';
import { Wire } from '../network.ts';
import type { SimulatedProcess } from '../process.ts';
import { WAL } from '../volume.ts';
import { historyName, type LogRecord, writeLsn } from './data-directory.ts';
import type { DatabaseServer, ServersWorld } from './server.ts';
import { answerStatement, StatementError, UnknownStatementError } from './statements.ts';

const CONNECT_MS = 0.5;
const QUERY_MS = 0.3;
const NO_CONNECTION_MS = 3_000;

/** The sessions that an agent's process makes; `own` is the server that runs beside it now. */
export function sessionsOf(
  world: ServersWorld & { failed(error: Error): void },
  agent: SimulatedProcess,
  own: () => DatabaseServer | undefined,
): OpenSession {
  return (settings, onEnd) =>
    settings.kind === 'local'
      ? new LocalSession(world, agent, own, settings.settings.synchronous_commit === 'local', onEnd)
      : new ReplicationSession(world, agent, settings);
}

class LocalSession implements Session {
  readonly #world: { failed(error: Error): void };
  readonly #agent: SimulatedProcess;
  readonly #own: () => DatabaseServer | undefined;
  readonly #isLocal: boolean;
  readonly #onEnd: () => void;
  #server: DatabaseServer | undefined;
  #settingsReadMs = 0;
  #forget: () => void = () => undefined;
  #rejects = new Set<(error: Error) => void>();

  constructor(
    world: { failed(error: Error): void },
    agent: SimulatedProcess,
    own: () => DatabaseServer | undefined,
    isLocal: boolean,
    onEnd: () => void,
  ) {
    this.#world = world;
    this.#agent = agent;
    this.#own = own;
    this.#isLocal = isLocal;
    this.#onEnd = onEnd;
  }

  async open(): Promise<void> {
    await this.#agent.operate(CONNECT_MS, () => undefined);
    const server = this.#own();
    if (server === undefined || !server.isAccepting) throw new Error('The database system is starting up.');
    await this.#inServer(server, () => {
      if (!server.isAccepting) throw new Error('The database system is shutting down.');
      this.#settingsReadMs = server.settingsReadMs;
    });
    this.#server = server;
    this.#forget = server.process.onEnd(() => this.#agent.deliver(() => this.#broken()));
  }

  async query(text: string, values: readonly unknown[]): Promise<readonly Row[]> {
    const server = this.#server;
    if (server === undefined) throw new Error('The session is not open.');
    const context = { server, text, values, settingsReadMs: this.#settingsReadMs, isLocal: this.#isLocal };
    try {
      return await this.#inServer(server, () => {
        if (!server.isAccepting) throw new StatementError('The database system is shutting down.');
        return answerStatement(context);
      });
    } catch (error) {
      if (error instanceof UnknownStatementError) this.#world.failed(error);
      throw error;
    }
  }

  destroy(): void {
    this.#forget();
    this.#server = undefined;
    for (const reject of this.#rejects) reject(new Error('The session was destroyed.'));
    this.#rejects.clear();
  }

  #broken(): void {
    this.#onEnd();
    this.destroy();
  }

  /** The server does it when it does not stand still; the agent learns of it likewise. */
  #inServer<Result>(server: DatabaseServer, act: () => Result | Promise<Result>): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.#rejects.add(reject);
      const settle = (call: () => void): void => {
        this.#rejects.delete(reject);
        this.#agent.deliver(call);
      };
      if (!server.process.isAlive) {
        settle(() => reject(new Error('No server.')));
        return;
      }
      server.process.clock.after(QUERY_MS, () => {
        try {
          Promise.resolve(act()).then(
            (result) => settle(() => resolve(result)),
            (error: Error) => settle(() => reject(error)),
          );
        } catch (error) {
          settle(() => reject(error as Error));
        }
      });
    });
  }
}

class ReplicationSession implements Session {
  readonly #world: ServersWorld;
  readonly #agent: SimulatedProcess;
  readonly #settings: Extract<SessionSettings, { kind: 'replication' }>;
  #wire: Wire | undefined;
  #server: DatabaseServer | undefined;
  #reject: (error: Error) => void = () => undefined;

  constructor(world: ServersWorld, agent: SimulatedProcess, settings: SessionSettings) {
    this.#world = world;
    this.#agent = agent;
    this.#settings = settings as Extract<SessionSettings, { kind: 'replication' }>;
  }

  async open(): Promise<void> {
    const { network } = this.#world;
    const { address } = this.#settings;
    const place = `${this.#world.placeOf(address)}/db`;
    await this.#agent.operate(network.latencyMs(this.#agent.place, place), () => undefined);
    if (!network.isOpen(this.#agent.place, place) || !network.isOpen(place, this.#agent.place)) {
      await this.#agent.operate(NO_CONNECTION_MS, () => undefined);
      throw new Error('No connection.');
    }
    const server = this.#world.serverAt(address);
    if (server === undefined || !server.isAccepting) throw new Error('Connection refused.');
    this.#server = server;
    const near = { process: this.#agent, broken: () => this.#reject(new Error('Connection broken.')) };
    this.#wire = new Wire(network, near, { process: server.process, broken: () => undefined });
  }

  query(text: string): Promise<readonly Row[]> {
    const [server, wire] = [this.#server, this.#wire];
    if (server === undefined || wire === undefined) throw new Error('The session is not open.');
    return new Promise((resolve, reject) => {
      this.#reject = reject;
      wire.send(0, () => {
        const row = replicationRow(server, text);
        wire.send(1, () => (row === undefined ? reject(new Error(`${text} failed.`)) : resolve([row])));
      });
    });
  }

  destroy(): void {
    this.#wire?.close(0);
    this.#reject(new Error('The session was destroyed.'));
  }
}

function replicationRow(server: DatabaseServer, text: string): Row | undefined {
  if (!server.isAccepting) return undefined;
  const { data } = server;
  if (text === 'IDENTIFY_SYSTEM') {
    const count = server.isRecovering ? server.replayed : data.flushed;
    return { systemid: data.systemId, timeline: server.timeline, xlogpos: writeLsn(data.endOf(count)) };
  }
  const wanted = Number(/^TIMELINE_HISTORY (\d+)$/.exec(text)?.[1]);
  const content = server.host.volume.files.get(`${WAL}/${historyName(wanted)}`);
  return content === undefined ? undefined : { filename: historyName(wanted), content };
}

/** A tenant's session with a primary that lets clients in. */
export class TenantSession {
  readonly #wire: Wire;
  readonly #server: DatabaseServer;
  readonly #session: { lose(): void };
  #onLost: () => void = () => undefined;

  private constructor(world: ServersWorld, client: SimulatedProcess, server: DatabaseServer) {
    this.#server = server;
    this.#wire = new Wire(
      world.network,
      { process: client, broken: () => this.#onLost() },
      { process: server.process, broken: () => server.commits.removeSession(this.#session) },
    );
    this.#session = { lose: () => this.#wire.close(1) };
  }

  /** `answer` gets a session of a primary, or why there is none. */
  static open(
    world: ServersWorld,
    client: SimulatedProcess,
    address: string,
    answer: (session: TenantSession | string) => void,
  ): void {
    const { network } = world;
    const place = `${world.placeOf(address)}/db`;
    world.timeline.after(network.latencyMs(client.place, place), () => {
      const server = world.serverAt(address);
      if (!network.isOpen(client.place, place) || !network.isOpen(place, client.place) || server?.process.isPaused) {
        client.clock.after(1_000, () => answer('no connection'));
        return;
      }
      client.deliver(() => {
        if (server === undefined) answer('connection refused');
        else if (!server.isAccepting || !server.isDoorOpen || !server.host.letsOut()) answer('not let in');
        else if (server.state !== 'primary') answer('read only');
        else {
          const session = new TenantSession(world, client, server);
          server.commits.addSession(session.#session);
          answer(session);
        }
      });
    });
  }

  /** Answers once: committed, or not known. */
  write(row: string, answer: (outcome: 'committed' | 'unknown') => void): void {
    let isOver = false;
    const finish = (outcome: 'committed' | 'unknown'): void => {
      if (isOver) return;
      isOver = true;
      answer(outcome);
    };
    this.#onLost = () => finish('unknown');
    const server = this.#server;
    this.#wire.send(0, () => {
      if (server.state !== 'primary') {
        this.#wire.close(1);
        return;
      }
      const record = server.write('write', row);
      server.commits.commit(
        record,
        false,
        (isCommitted) => {
          if (!isCommitted) return;
          if (!server.host.letsOut()) {
            this.#wire.close(1);
            return;
          }
          server.world.watcher.acknowledged(record, server);
          this.#wire.send(1, () => finish('committed'));
        },
        this.#session,
      );
    });
  }

  read(answer: (rows: readonly LogRecord[] | undefined) => void): void {
    let isOver = false;
    const finish = (rows: readonly LogRecord[] | undefined): void => {
      if (isOver) return;
      isOver = true;
      answer(rows);
    };
    this.#onLost = () => finish(undefined);
    const server = this.#server;
    this.#wire.send(0, () => {
      if (server.state !== 'primary') {
        this.#wire.close(1);
        return;
      }
      if (!server.host.letsOut()) {
        this.#wire.close(1);
        return;
      }
      const rows = server.commits.visible();
      server.world.watcher.wasRead(rows, server);
      this.#wire.send(1, () => finish(rows));
    });
  }

  close(): void {
    this.#onLost = () => undefined;
    this.#wire.close(0);
  }
}
