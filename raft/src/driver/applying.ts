// Up to where the state machine is, and how it gets further: entry by entry, or by a leader's snapshot.
import { assert } from '../assert.ts';
import { decodeConfChange } from '../core/conf-change.ts';
import type { Entry, Snapshot, SnapshotMetadata } from '../core/messages.ts';
import type { Ready } from '../core/raw-node.ts';
import type { Members } from './members.ts';
import type { Proposals } from './proposals.ts';
import type { Replicated } from './replicated.ts';
import type { Snapshots } from './snapshots.ts';

export class Applying {
  readonly #replicated: Replicated;
  readonly #proposals: Proposals;
  /** The last applied entry, and its term. */
  index: number;
  term: number;

  constructor(replicated: Replicated, proposals: Proposals, from: SnapshotMetadata | undefined) {
    this.#replicated = replicated;
    this.#proposals = proposals;
    this.index = from?.index ?? 0;
    this.term = from?.term ?? 0;
  }

  apply(entries: readonly Entry[], members: Members): void {
    for (const entry of entries) {
      assert(entry.index === this.index + 1, 'entries are applied in order');
      const change = decodeConfChange(entry);
      if (change !== undefined) members.apply(change, entry);
      // An entry without data is a new leader's first, or a change of membership that came too early.
      const isCommand = change === undefined && entry.data.length > 0;
      const result = isCommand ? this.#replicated.apply(entry) : undefined;
      this.index = entry.index;
      this.term = entry.term;
      this.#proposals.applied(entry.index, entry.term, result);
    }
  }

  async install(snapshot: Snapshot, ready: Ready, snapshots: Snapshots, members: Members): Promise<void> {
    await snapshots.install(snapshot, ready);
    this.index = snapshot.metadata.index;
    this.term = snapshot.metadata.term;
    members.installed(snapshot.metadata.confState);
  }
}
