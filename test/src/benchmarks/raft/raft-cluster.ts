// Three processes of the key-value server on raft-ts.
import { join } from 'node:path';
import type { PeerAddress } from 'raft-ts';
import { Child } from './child.ts';
import type { LoopResult, LoopTimes } from './closed-loop.ts';
import { type Cluster, findLeader, freePorts, type Reach, SIZE } from './cluster.ts';
import type { PeerQuestion, PeerStart } from './peer.ts';

export class RaftCluster implements Cluster {
  readonly addresses: readonly string[];
  readonly #starts: readonly PeerStart[];
  readonly #peers: Child<PeerQuestion>[];

  private constructor(starts: readonly PeerStart[]) {
    this.#starts = starts;
    this.addresses = starts.map(({ port }) => `127.0.0.1:${port}`);
    this.#peers = starts.map((start) => startPeer(start));
  }

  static async start(folder: string, reach: Reach): Promise<RaftCluster> {
    const ports = await freePorts(SIZE);
    const peers: PeerAddress[] = [];
    for (const [at, port] of ports.entries()) peers.push({ id: at + 1, address: `127.0.0.1:${await reach(port)}` });
    return new RaftCluster(
      ports.map((port, at) => ({ id: at + 1, port, peers, directory: join(folder, `raft-ts-${at + 1}`) })),
    );
  }

  get pids(): readonly number[] {
    return this.#peers.map(({ pid }) => pid);
  }

  leader(): Promise<number> {
    return findLeader(this.#peers.map((_, at) => () => this.#peer(at).ask<boolean>({ type: 'is-leader' })));
  }

  /** Proposals that are made in the process of `member`. */
  propose(member: number, loop: LoopTimes, valueBytes: number): Promise<LoopResult> {
    return this.#peer(member).ask({ type: 'propose', loop, valueBytes });
  }

  /** Linearizable reads that are made in the process of `member`. */
  read(member: number, loop: LoopTimes): Promise<LoopResult> {
    return this.#peer(member).ask({ type: 'read', loop });
  }

  async kill(member: number): Promise<void> {
    await this.#peer(member).kill();
  }

  async restart(member: number): Promise<void> {
    const start = this.#starts[member];
    if (start !== undefined) this.#peers[member] = startPeer(start);
    await this.#peer(member).ask({ type: 'is-leader' });
  }

  async close(): Promise<void> {
    await Promise.all(this.#peers.map((peer) => peer.kill()));
  }

  #peer(member: number): Child<PeerQuestion> {
    const peer = this.#peers[member];
    if (peer === undefined) throw new Error(`There is no peer ${member}.`);
    return peer;
  }
}

function startPeer(start: PeerStart): Child<PeerQuestion> {
  return new Child('./peer.js', start);
}
