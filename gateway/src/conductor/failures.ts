// Acts on what the witnesses tell, on the Raft leader alone: a primary that is gone is deposed, who does not answer is
// waited for no longer, and who returns is brought back into force. What is thought of a primary is told as events.
import type { Clock, Timer } from '@argosy/proto';
import { plan } from '../planning/cluster.ts';
import { isEnough } from '../planning/elect.ts';
import { type Cluster, isEngineRuled } from '../state/clusters.ts';
import type { Applied, Entry, EntryBody, EntryOf, OperationStart } from '../state/entries.ts';
import { Federation } from '../state/federation.ts';
import { hasEnded, isUnstoppable, type Operation } from '../state/operations.ts';
import { answers, awayOf, judge, starvation, type Verdict, type Witnesses } from './suspicion.ts';
import type { WitnessBook } from './witnesses.ts';

const LOOK_MS = 100;
/** How often it is looked for who has fallen silent: that takes a look at every member. */
const SILENCE_LOOK_MS = 1_000;
/** Clusters that are acted on at once. */
const MAX_AT_ONCE = 64;
/** What is thought of a primary is told no more often, save that it is gone. */
const TELL_PAUSE_MS = 5_000;
/** As long as a report may be late before a member is looked at. */
const SILENT_MS = 1_500;
/** How long an old primary that shall hand over may be out of sight: nobody writes meanwhile, and to be wrong costs little. */
const HANDOVER_MS = 2_000;
/** After an entry was refused or could not be committed. */
const PAUSE_MS = 2_000;

export interface FailuresOptions {
  readonly federation: Federation;
  readonly book: WitnessBook;
  readonly propose: (entry: EntryBody) => Promise<Applied>;
  readonly newId: () => string;
  readonly clock: Clock;
  readonly log: (event: { readonly message: string; readonly [field: string]: unknown }) => void;
}

export class Failures {
  readonly #options: FailuresOptions;
  /** Clusters that are looked at though all of their members may answer. */
  readonly #watched = new Set<string>();
  readonly #told = new Map<string, { readonly kind: Verdict['kind']; readonly atMs: number }>();
  readonly #notBefore = new Map<string, number>();
  #atWork = 0;
  #silenceLookedMs = 0;
  #timer: Timer | undefined;
  #isStopped = false;

  constructor(options: FailuresOptions) {
    this.#options = options;
  }

  start(): void {
    for (const { id } of this.#options.federation.clusters()) this.#watched.add(id);
    this.#tick();
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
  }

  applied(entry: Entry): void {
    if (entry.kind === 'cluster.failover' || entry.kind === 'members.seen') this.#watched.add(entry.clusterId);
  }

  #tick(): void {
    if (this.#isStopped) return;
    const { clock, book, federation } = this.#options;
    const now = clock.monotonicMs();
    if (now - this.#silenceLookedMs >= SILENCE_LOOK_MS) {
      this.#silenceLookedMs = now;
      book.noteSilent(SILENT_MS, now);
    }
    for (const id of new Set([...this.#watched, ...book.troubled(), ...this.#told.keys()])) {
      if (this.#atWork >= MAX_AT_ONCE) break;
      const cluster = federation.cluster(id);
      if (cluster === undefined) this.#forget(id);
      else if ((this.#notBefore.get(id) ?? 0) <= now) void this.#look(cluster, book.of(cluster, now));
    }
    this.#timer = clock.after(LOOK_MS, () => this.#tick());
  }

  async #look(cluster: Cluster, witnesses: Witnesses): Promise<void> {
    const operation = this.#options.federation.operation(cluster.operationId);
    const running = operation !== undefined && !hasEnded(operation) ? operation : undefined;
    const isMadeOrRemoved = running?.kind === 'cluster.create' || running?.kind === 'cluster.delete';
    if (cluster.wanted === 'absent' || cluster.epoch === 0 || isMadeOrRemoved) {
      if (running === undefined) this.#forget(cluster.id);
      return;
    }
    // One entry at a time: what it changes is looked at in the next round.
    this.#notBefore.set(cluster.id, Number.POSITIVE_INFINITY);
    this.#atWork += 1;
    let isDone = false;
    try {
      isDone = await this.#act(cluster, running, witnesses);
    } catch (error) {
      if (!this.#isStopped) {
        this.#options.log({ message: 'failure not acted on', cluster_id: cluster.id, error: String(error) });
      }
    }
    this.#atWork -= 1;
    if (isDone) this.#notBefore.delete(cluster.id);
    else this.#notBefore.set(cluster.id, this.#options.clock.monotonicMs() + PAUSE_MS);
  }

  /** False when an entry was refused. */
  async #act(cluster: Cluster, running: Operation | undefined, witnesses: Witnesses): Promise<boolean> {
    const verdict = judge(cluster, witnesses);
    if (!(await this.#tell(cluster, verdict))) return false;
    if (verdict.kind === 'gone') return await this.#depose(cluster, verdict.reason, verdict.away);

    const starved = starvation(cluster, witnesses);
    if (starved !== undefined) return await this.#degrade(cluster, running, starved);

    const isElecting = cluster.primary === undefined && !isEngineRuled(cluster);
    const heard = [...witnesses].filter(([, witness]) => answers(witness)).map(([ordinal]) => ordinal);
    const isHandover = isElecting && cluster.failover === undefined;
    const old = cluster.lastElected?.ordinal;
    if (isHandover && old !== undefined && isLongAway(witnesses, old) && isEnough(cluster, heard)) {
      return await this.#depose(cluster, 'The old primary does not hand over.', awayOf(cluster, witnesses));
    }

    const known = cluster.members.filter(({ facts }) => facts.isAway === true).map(({ ordinal }) => ordinal);
    const isDriven = running !== undefined && isUnstoppable(running);
    // Without an operation of ours nobody waits for whom is away; who returns is always welcome.
    const away = isDriven ? awayOf(cluster, witnesses) : known.filter((ordinal) => !heard.includes(ordinal));
    const isNews = away.length !== known.length || away.some((ordinal) => !known.includes(ordinal));
    // An operation may end in the moment in which a member returns, and does not wait for it then.
    const isMissing = running === undefined && plan(cluster).length > 0;
    const isIdle = running === undefined && (isNews || isElecting || isMissing);
    if (isNews || isIdle) return await this.#see(cluster, away, isIdle);
    // Whom a new leader has never heard of is in no book yet.
    const isWhole = heard.length === cluster.members.length && known.length === 0;
    if (isWhole && running === undefined && !isElecting) this.#watched.delete(cluster.id);
    return true;
  }

  async #depose(cluster: Cluster, reason: string, away: readonly number[]): Promise<boolean> {
    const { id: clusterId, epoch, primary } = cluster;
    const entry: EntryOf<'cluster.failover'> = {
      ...{ at: '', kind: 'cluster.failover', clusterId, ...this.#operation('cluster.failover'), epoch },
      ...{ deposed: primary ?? null, away, acceptsDataLoss: false, reason },
    };
    const { at: _at, ...body } = { ...entry, steps: stepsAfter(cluster, entry) };
    return await this.#propose(body);
  }

  async #degrade(
    cluster: Cluster,
    running: Operation | undefined,
    { without, reason }: { readonly without: readonly number[]; readonly reason: string },
  ): Promise<boolean> {
    const { id: clusterId, epoch, rule } = cluster;
    this.#options.log({ message: 'cluster degraded', cluster_id: clusterId, cluster: cluster.name, reason });
    const seen = {
      kind: 'cluster.degraded',
      clusterId,
      epoch,
      generation: rule?.generation ?? 0,
      without,
      reason,
    } as const;
    const operation = this.#operation('cluster.repair');
    const entry = { at: '', ...seen, repair: operation };
    const repair = running === undefined ? { repair: { ...operation, steps: stepsAfter(cluster, entry) } } : {};
    return await this.#propose({ ...seen, ...repair });
  }

  async #see(cluster: Cluster, away: readonly number[], isIdle: boolean): Promise<boolean> {
    const seen = { at: '', kind: 'members.seen', clusterId: cluster.id, away } as const;
    const steps = isIdle ? stepsAfter(cluster, seen) : [];
    const repair = { ...this.#operation('cluster.repair'), steps };
    const { at: _at, ...body } = { ...seen, ...(steps.length === 0 ? {} : { repair }) };
    return await this.#propose(body);
  }

  #operation(operationKind: 'cluster.failover' | 'cluster.repair'): OperationStart {
    const { newId } = this.#options;
    return { operationId: newId(), operationKind, requestId: `req-${newId()}`, steps: [] };
  }

  /** Each change of what is thought of a primary, once. */
  async #tell({ id, name, primary }: Cluster, verdict: Verdict): Promise<boolean> {
    const { kind } = verdict;
    const told = this.#told.get(id);
    const before = told?.kind ?? 'trusted';
    if (before === kind) return true;
    const atMs = this.#options.clock.monotonicMs();
    if (kind !== 'gone' && told !== undefined && atMs - told.atMs < TELL_PAUSE_MS) return true;
    if (kind === 'trusted') this.#told.delete(id);
    else this.#told.set(id, { kind, atMs });
    const noted = { kind: 'cluster.noted', clusterId: id } as const;
    if (verdict.kind === 'trusted') {
      // A failover says itself how it ended.
      if (before === 'gone' || primary === undefined) return true;
      return await this.#propose({ ...noted, event: 'primary.trusted', message: `Member ${primary} is heard again.` });
    }
    const event = verdict.kind === 'stuck' ? 'failover.waits' : 'primary.suspected';
    this.#options.log({ message: event, cluster_id: id, cluster: name, reason: verdict.reason });
    return await this.#propose({ ...noted, event, message: verdict.reason });
  }

  async #propose(entry: EntryBody): Promise<boolean> {
    if (this.#isStopped) return false;
    return (await this.#options.propose(entry)).refused === undefined;
  }

  #forget(id: string): void {
    this.#watched.delete(id);
    this.#told.delete(id);
    this.#notBefore.delete(id);
  }
}

function isLongAway(witnesses: Witnesses, ordinal: number): boolean {
  const witness = witnesses.get(ordinal);
  return witness !== undefined && witness.agent !== 'reachable' && witness.agentForMs >= HANDOVER_MS;
}

/** The steps that would follow from an entry. */
function stepsAfter(cluster: Cluster, entry: Entry) {
  const federation = Federation.of({ clusters: [cluster], operations: [] });
  federation.apply(entry);
  const next = federation.cluster(cluster.id);
  return next === undefined ? [] : plan(next).map(({ id, kind, ordinal, region }) => ({ id, kind, ordinal, region }));
}
