// Three processes that replicate, as the benchmark sees them: raft-ts's and etcd's are siblings behind this.
import { type AddressInfo, createServer } from 'node:net';

export interface Cluster {
  /** Where clients find each process, as `host:port`. */
  readonly addresses: readonly string[];
  readonly pids: readonly number[];
  /** Which process leads now, from 0. */
  leader(): Promise<number>;
  /** Ends a process at once. */
  kill(member: number): Promise<void>;
  /** Starts a process again that was ended, on its disk. */
  restart(member: number): Promise<void>;
  /** Ends all. */
  close(): Promise<void>;
}

/** How the processes of a cluster find one another: given the port of each, the port under which the others know it. */
export type Reach = (port: number) => Promise<number>;

export const directly: Reach = (port) => Promise.resolve(port);

export const SIZE = 3;
const POLL_MS = 50;
const LEADER_MS = 30_000;

/** Ports that were free a moment ago. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  const ports: number[] = [];
  for (const server of servers) {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject).listen(0, '127.0.0.1', resolve);
    });
    ports.push((server.address() as AddressInfo).port);
  }
  for (const server of servers) await new Promise((resolve) => server.close(resolve));
  return ports;
}

/** Asks each member until one says that it leads. */
export async function findLeader(isLeader: readonly (() => Promise<boolean>)[]): Promise<number> {
  for (let waitedMs = 0; waitedMs < LEADER_MS; waitedMs += POLL_MS) {
    const answers = await Promise.all(isLeader.map((ask) => ask().catch(() => false)));
    const leader = answers.indexOf(true);
    if (leader >= 0) return leader;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  throw new Error(`Nobody leads after ${LEADER_MS} ms.`);
}
