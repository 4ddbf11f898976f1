// Three peers in one process, for the tests of the driver: their state machine keeps every command it was given.
import { temporaryDirectory } from '../temporary-directory-for-tests.ts';
import { MemoryNetwork } from '../transport/memory.ts';
import type { Transport } from '../transport/transport.ts';
import { systemClock } from './clock.ts';
import type { CommittedEntry, RaftOptions, StateMachine } from './options.ts';
import { Raft } from './raft.ts';

/** What a test waits for at most; far above what anything takes, so that a busy machine does not fail a test. */
const patienceMs = 30_000;
const pollMs = 5;

export class Journal implements StateMachine {
  commands: string[] = [];
  restores = 0;

  apply(entry: CommittedEntry): number {
    this.commands.push(Buffer.from(entry.data).toString());
    return this.commands.length;
  }

  snapshot(): Uint8Array {
    return Buffer.from(JSON.stringify(this.commands));
  }

  restore(data: Uint8Array): void {
    this.restores += 1;
    this.commands = JSON.parse(Buffer.from(data).toString());
  }
}

export interface TestPeer {
  readonly raft: Raft;
  readonly journal: Journal;
}

export async function until<T>(read: () => T | undefined | false, what: string): Promise<T> {
  const deadline = Date.now() + patienceMs;
  for (;;) {
    const value = read();
    if (value !== undefined && value !== false) return value;
    if (Date.now() > deadline) throw new Error(`In ${patienceMs} ms this did not come true: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}

export async function openPeer(
  id: number,
  options: Partial<RaftOptions> & { directory: string; transport: Transport },
): Promise<TestPeer> {
  const journal = new Journal();
  const raft = await Raft.open({
    id,
    peers: [1, 2, 3].map((peer) => ({ id: peer, address: '' })),
    clock: systemClock,
    random: Math.random,
    stateMachine: journal,
    tickMs: 50,
    onFatal: (error) => {
      throw error;
    },
    ...options,
  });
  return { raft, journal };
}

/** Each in a new directory of its own. */
export async function openThree(
  network = new MemoryNetwork(),
  optionsOf: (id: number) => Partial<RaftOptions> = () => ({}),
): Promise<TestPeer[]> {
  const directory = await temporaryDirectory();
  const peers: TestPeer[] = [];
  for (const id of [1, 2, 3]) {
    const place = { directory: `${directory}/${id}`, transport: network.transport() };
    peers.push(await openPeer(id, { ...place, ...optionsOf(id) }));
  }
  return peers;
}

export async function closeAll(peers: readonly TestPeer[]): Promise<void> {
  for (const { raft } of peers) await raft.close();
}

export function leaderOf(peers: readonly TestPeer[]): Promise<TestPeer> {
  return until(() => peers.find(({ raft }) => raft.status().isEstablishedLeader), 'a peer leads');
}
