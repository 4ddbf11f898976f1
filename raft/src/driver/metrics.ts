// What a peer counts and measures, in the shape of Prometheus' families, so that whoever has a registry of any kind
// need only copy it. Durations are in seconds, of the clock that the peer was given.
import type { Message } from '../core/messages.ts';
import type { CoreStatus } from '../core/raw-node.ts';

export interface MetricSample {
  /** For histograms `_bucket`, `_sum` or `_count`; else empty. */
  readonly suffix: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface MetricFamily {
  /** Begins with `raft_`. */
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly samples: readonly MetricSample[];
}

/** What the driver knows at the moment when it is asked. */
export interface MetricState {
  readonly core: CoreStatus;
  readonly appliedIndex: number;
  readonly proposalsPending: number;
  readonly readsPending: number;
  readonly sessions: number;
  readonly logBytes: number;
  readonly isDiskFull: boolean;
  readonly isDiskHung: boolean;
}

const boundsSeconds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

class Histogram {
  readonly #counts = new Array<number>(boundsSeconds.length + 1).fill(0);
  #sum = 0;

  observe(seconds: number): void {
    const at = boundsSeconds.findIndex((bound) => seconds <= bound);
    const bucket = at < 0 ? boundsSeconds.length : at;
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1;
    this.#sum += seconds;
  }

  samples(): MetricSample[] {
    let count = 0;
    const buckets = this.#counts.map((inBucket, at) => {
      count += inBucket;
      return { suffix: '_bucket', labels: { le: String(boundsSeconds[at] ?? '+Inf') }, value: count };
    });
    const rest = { labels: {}, value: count };
    return [...buckets, { suffix: '_sum', labels: {}, value: this.#sum }, { suffix: '_count', ...rest }];
  }
}

const counterHelp = {
  proposals: 'Proposals that this peer was asked to make.',
  proposals_failed: 'Proposals that were refused, or whose outcome is not known.',
  reads: 'Linearizable reads that this peer was asked for.',
  leader_changes: 'How often this peer learned of another leader, or that there is none.',
  snapshots_taken: 'Snapshots of this state that are durable.',
  snapshots_installed: 'Snapshots of a leader that were taken over.',
  snapshots_sent: 'Snapshots that another peer has taken.',
  snapshot_sends_failed: 'Snapshots that did not reach another peer.',
  disk_hangs: 'How often a write of the log took longer than this peer has patience.',
  stalls: 'How often this process stood still for more than half an election timeout.',
} as const;

export type RaftCounter = keyof typeof counterHelp;

export class Metrics {
  readonly #now: () => number;
  readonly #counters = new Map<RaftCounter, number>();
  readonly #saves = new Histogram();
  readonly #proposals = new Histogram();
  /** When the last heartbeat that is not answered yet went to each peer. */
  readonly #asked = new Map<number, number>();
  readonly #roundTrips = new Map<number, number>();

  /** `now` is in milliseconds. */
  constructor(now: () => number) {
    this.#now = now;
  }

  count(counter: RaftCounter): void {
    this.#counters.set(counter, (this.#counters.get(counter) ?? 0) + 1);
  }

  sent(messages: readonly Message[]): void {
    for (const { type, to } of messages) {
      if (type === 'MsgHeartbeat' && !this.#asked.has(to)) this.#asked.set(to, this.#now());
    }
  }

  received({ type, from }: Message): void {
    if (type !== 'MsgHeartbeatResp') return;
    const askedMs = this.#asked.get(from);
    if (askedMs === undefined) return;
    this.#asked.delete(from);
    this.#roundTrips.set(from, (this.#now() - askedMs) / 1000);
  }

  lostLeadership(): void {
    this.#asked.clear();
    this.#roundTrips.clear();
  }

  /** Measures a write of the log with its sync. */
  async saving(save: Promise<void>): Promise<void> {
    const begin = this.#now();
    await save;
    this.#saves.observe((this.#now() - begin) / 1000);
  }

  /** Counts a proposal, and measures it if it comes to be applied. */
  async proposing<T>(propose: () => Promise<T>): Promise<T> {
    this.count('proposals');
    const begin = this.#now();
    try {
      const applied = await propose();
      this.#proposals.observe((this.#now() - begin) / 1000);
      return applied;
    } catch (error) {
      this.count('proposals_failed');
      throw error;
    }
  }

  families(state: MetricState): MetricFamily[] {
    const { core } = state;
    const peers = [...core.progress].filter(([id]) => id !== core.id);
    return [
      gauge('raft_term', 'The term that this peer is in.', core.term),
      gauge('raft_is_leader', '1 while this peer leads.', core.role === 'leader' ? 1 : 0),
      gauge('raft_commit_index', 'The last entry that is known to be committed.', core.commit),
      gauge('raft_applied_index', 'The last entry that is applied here.', state.appliedIndex),
      gauge('raft_last_index', 'The last entry of the log here.', core.lastIndex),
      gauge('raft_snapshot_index', 'The last entry that the newest snapshot covers.', core.snapshotIndex),
      gauge('raft_log_bytes', 'Bytes of the segments of the log.', state.logBytes),
      gauge('raft_disk_full', '1 while the disk has no room and proposals are refused.', state.isDiskFull ? 1 : 0),
      gauge('raft_disk_hung', '1 while a write of the log takes longer than patience lasts.', state.isDiskHung ? 1 : 0),
      gauge('raft_proposals_pending', 'Proposals that wait to be applied.', state.proposalsPending),
      gauge('raft_reads_pending', 'Linearizable reads that wait.', state.readsPending),
      gauge('raft_sessions', 'Sessions that are open in the cluster.', state.sessions),
      family('raft_peer_match_index', 'On the leader: the last entry that a peer is known to have.', 'gauge', [
        ...peers.map(([id, { match }]) => sample({ peer: String(id) }, match)),
      ]),
      family('raft_peer_round_trip_seconds', 'On the leader: of the last heartbeat that was answered.', 'gauge', [
        ...Array.from(this.#roundTrips, ([id, seconds]) => sample({ peer: String(id) }, seconds)),
      ]),
      ...Object.entries(counterHelp).map(([name, help]) =>
        family(`raft_${name}_total`, help, 'counter', [sample({}, this.#counters.get(name as RaftCounter) ?? 0)]),
      ),
      family('raft_log_save_seconds', 'A write of the log with its sync.', 'histogram', this.#saves.samples()),
      family('raft_proposal_seconds', 'From a proposal to its application.', 'histogram', this.#proposals.samples()),
    ];
  }
}

function sample(labels: MetricSample['labels'], value: number): MetricSample {
  return { suffix: '', labels, value };
}

function family(
  name: string,
  help: string,
  type: MetricFamily['type'],
  samples: readonly MetricSample[],
): MetricFamily {
  return { name, help, type, samples };
}

function gauge(name: string, help: string, value: number): MetricFamily {
  return family(name, help, 'gauge', [sample({}, value)]);
}
