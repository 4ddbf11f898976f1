// One peer of an interaction scenario: a core, its storage, the work of its two threads, and a state machine that
// appends everything to one text. A snapshot of that is taken after every entry.
import { assert } from '../assert.ts';
import { decodeConfChange } from '../core/conf-change.ts';
import type { ConfState, Entry, HardState, Message, Snapshot } from '../core/messages.ts';
import type { CoreConfig } from '../core/raft.ts';
import { RawNode, type Ready } from '../core/raw-node.ts';
import { ScenarioStorage } from './storage.ts';

export const electionTicks = 3;
export const heartbeatTicks = 1;

/** What `add-nodes` says of all the peers that it adds. */
export interface PeerOptions {
  readonly confState: ConfState;
  readonly index: number;
  readonly content: string;
  readonly settings: Partial<CoreConfig>;
}

export class ScenarioPeer {
  readonly id: number;
  readonly node: RawNode;
  readonly storage = new ScenarioStorage();
  readonly isAsync: boolean;
  readonly appendWork: Message[] = [];
  readonly applyWork: Message[] = [];
  readonly #history: Snapshot[];

  constructor(id: number, { confState, index, content, settings }: PeerOptions) {
    this.id = id;
    this.isAsync = settings.asyncStorageWrites === true;
    const isBootstrapped = index > 0;
    const metadata = { index, term: isBootstrapped ? 1 : 0, confState };
    const snapshot: Snapshot = { metadata, data: Buffer.from(content) };
    this.#history = [snapshot];
    if (isBootstrapped) this.storage.applySnapshot(snapshot);
    this.node = new RawNode(
      {
        id,
        voters: [],
        electionTicks,
        heartbeatTicks,
        // Random in etcd: a scenario that depends on it sets it.
        randomElectionTicks: () => 2 * electionTicks - 1,
        snapshotRetryTicks: Number.POSITIVE_INFINITY,
        preVote: false,
        checkQuorum: false,
        applyUnstableEntries: true,
        snapshotSource: () => this.snapshot(),
        limits: unlimited,
        ...settings,
      },
      {
        hardState: { term: 0, vote: 0, commit: index },
        entries: [],
        ...(isBootstrapped ? { snapshot } : {}),
      },
    );
  }

  /** The newest. */
  snapshot(): Snapshot {
    const snapshot = this.#history.at(-1);
    assert(snapshot !== undefined, 'there always is a snapshot');
    return snapshot;
  }

  write({ entries, snapshot }: Pick<Ready, 'entries' | 'snapshot'> & { readonly hardState?: HardState }): void {
    if (snapshot === undefined) this.storage.append(entries);
    else {
      assert(entries.length === 0, "can't apply snapshot and entries at the same time");
      this.storage.applySnapshot(snapshot);
    }
  }

  apply(entries: readonly Entry[]): void {
    for (const entry of entries) {
      const { metadata, data } = this.snapshot();
      const change = decodeConfChange(entry);
      const confState = change === undefined ? metadata.confState : this.node.applyConfChange(change);
      assert(confState !== undefined, 'a snapshot of a scenario names its membership');
      const update = change === undefined ? entry.data : (change.context ?? new Uint8Array(0));
      this.#history.push({
        metadata: { index: entry.index, term: entry.term, confState },
        data: Buffer.concat([data, update]),
      });
    }
  }
}

export const unlimited = {
  maxBytesPerMessage: Number.POSITIVE_INFINITY,
  maxInflightMessages: Number.POSITIVE_INFINITY,
  maxInflightBytes: Number.POSITIVE_INFINITY,
  maxUncommittedBytes: Number.POSITIVE_INFINITY,
  maxAppliedBytesPerReady: Number.POSITIVE_INFINITY,
} as const;
