// The conductor: on the Raft leader alone, it carries out the steps that are ready, records what came out, and plans
// again when the world moved. It holds nothing that would be missed: a new leader plans from the same facts, and every
// receiver knows a repeat when it sees one.
import type { Clock, Timer } from '@argosy/proto';
import { type CandidateSite, type Network, place } from '../placement/place.ts';
import { plan } from '../planning/cluster.ts';
import { readySteps } from '../planning/ready.ts';
import type { Step } from '../planning/steps.ts';
import { type Cluster, memberOf, wantedMembers } from '../state/clusters.ts';
import type { Applied, EntryBody, Fact, PlannedStep } from '../state/entries.ts';
import type { Federation } from '../state/federation.ts';
import { type FailureClass, hasEnded, isRemoval, isUnstoppable, type Operation } from '../state/operations.ts';
import { goesOnWithFewer, type WantedMember } from '../state/spec.ts';
import { afterGivingUp, isWishOf } from '../state/wishes.ts';
import { type Diverged, execute, type Rejoined } from './commands.ts';
import { failureClass, failureMessage, type RegionCommands } from './region-link.ts';

const FIRST_RETRY_MS = 1_000;
const LAST_RETRY_MS = 5 * 60_000;
const FAILOVER_RETRY_MS = [100, 5_000] as const;
const MAX_DOUBLINGS = 20;
/** About ten minutes of retries; removals are tried for ever. */
const MAX_ATTEMPTS = 10;
/** What a failover itself never needs. */
const CHANGING: readonly Step['kind'][] = ['ensure_member', 'resize'];
/** Steps under way at once, over all clusters. */
const MAX_STEPS_UNDER_WAY = 64;

export interface ConductorOptions {
  readonly federation: Federation;
  /** Commits an entry and answers what applying it said. Throws when this peer leads no more. */
  readonly propose: (entry: EntryBody) => Promise<Applied>;
  readonly region: (name: string) => RegionCommands | undefined;
  /** What was measured between the regions; undefined: nothing. */
  readonly network?: () => Network | undefined;
  /** The sites of the regions that answer, with their room and what this flavor costs there. */
  readonly sites: (flavor: string) => readonly CandidateSite[];
  readonly clock: Clock;
  readonly term: number;
  readonly log: (event: {
    readonly message: string;
    readonly operationId: string;
    readonly clusterId: string;
    readonly requestId: string;
    readonly step?: string;
    readonly error?: string;
  }) => void;
}

interface StepUnderWay {
  readonly step: Step;
  readonly abort: AbortController;
}

export class Conductor {
  readonly #options: ConductorOptions;
  readonly #underWay = new Map<string, Map<string, StepUnderWay>>();
  readonly #ending = new Set<string>();
  readonly #timers = new Map<string, Timer>();
  /** Steps that need not wait for their next attempt, while their cluster is looked at: their region is heard again. */
  readonly #eager = new Set<string>();
  #isStopped = false;

  constructor(options: ConductorOptions) {
    this.#options = options;
  }

  /** Looks at every cluster once; afterwards `look` is called for what changes. */
  start(): void {
    for (const { id } of this.#options.federation.clusters()) this.look(id);
  }

  /** Ends all that is under way here. The next leader goes on. */
  stop(): void {
    this.#isStopped = true;
    for (const timer of this.#timers.values()) timer.cancel();
    for (const steps of this.#underWay.values()) for (const { abort } of steps.values()) abort.abort();
  }

  /** A region is heard again: what failed for its absence is tried now and not when its pause is over. */
  regionReturned(region: string): void {
    for (const { id, operationId } of this.#options.federation.clusters()) {
      const operation = this.#options.federation.operation(operationId);
      if (operation === undefined || hasEnded(operation)) continue;
      const waiting = operation.steps.filter((step) => step.region === region && step.retryAt !== undefined);
      for (const step of waiting) this.#eager.add(`${operationId}/${step.id}`);
      if (waiting.length > 0) this.look(id);
    }
    this.#eager.clear();
  }

  /** Starts the steps of this cluster that are ready. */
  look(clusterId: string): void {
    const cluster = this.#options.federation.cluster(clusterId);
    const operation = cluster && this.#options.federation.operation(cluster.operationId);
    if (this.#isStopped || cluster === undefined || operation === undefined || hasEnded(operation)) return;

    const steps = readySteps(cluster);
    const underWay = this.#underWay.get(clusterId) ?? new Map<string, StepUnderWay>();
    this.#underWay.set(clusterId, underWay);
    const planned = new Set(steps.map(({ id }) => id));
    for (const [id, { abort }] of underWay) if (!planned.has(id)) abort.abort();

    if (steps.length === 0 && underWay.size === 0) {
      this.#end(operation);
      return;
    }
    const isBusy = (ordinal: number): boolean => [...underWay.values()].some(({ step }) => step.ordinal === ordinal);
    for (const step of steps) {
      if (step.blocked !== undefined || isBusy(step.ordinal) || this.#isTooEarly(cluster, operation, step)) continue;
      if (this.#countUnderWay() >= MAX_STEPS_UNDER_WAY) {
        this.#lookLater(clusterId, FIRST_RETRY_MS);
        return;
      }
      const entry = { step, abort: new AbortController() };
      underWay.set(step.id, entry);
      void this.#run(clusterId, operation, entry).then((isRecorded) => {
        underWay.delete(step.id);
        if (isRecorded) this.look(clusterId);
        else this.#lookLater(clusterId, FIRST_RETRY_MS);
      });
    }
  }

  /** Carries out one step. False when what came out could not be committed. */
  async #run(clusterId: string, operation: Operation, { step, abort }: StepUnderWay): Promise<boolean> {
    const { federation, clock, term } = this.#options;
    const operationId = operation.id;
    const started = await this.#propose({ kind: 'step.started', operationId, step: describe(step) });
    const cluster = federation.cluster(clusterId);
    if (started === undefined || cluster === undefined) return false;
    if (started.refused !== undefined || abort.signal.aborted) return true;
    try {
      const region = this.#options.region(step.region);
      if (region === undefined) throw new Error(`The region ${step.region} is not part of the federation.`);
      const begin = clock.monotonicMs();
      const outcome = await execute(step, { cluster, operation, term, region, signal: abort.signal });
      this.#log(`step done in ${Math.round(clock.monotonicMs() - begin)} ms`, operation, step);
      if ('divergence' in outcome) return await this.#diverged(cluster, operation, step, outcome);
      if ('rejoined' in outcome) return await this.#rejoined(operation, step, outcome);
      const facts = outcome;
      const [fact] = facts;
      if (fact !== undefined && isOfSettings(fact)) {
        const entry = { kind: 'member.configured', operationId, stepId: step.id, fact } as const;
        return (await this.#propose(entry)) !== undefined;
      }
      if (fact !== undefined && isOfList(fact)) {
        const entry = { kind: 'member.listed', operationId, stepId: step.id, fact } as const;
        return (await this.#propose(entry)) !== undefined;
      }
      if (fact?.kind === 'returned') {
        const entry = { kind: 'member.returned', operationId, stepId: step.id, fact } as const;
        return (await this.#propose(entry)) !== undefined;
      }
      const elected = facts.find(({ kind }) => kind === 'elected')?.ordinal;
      if (elected !== undefined && cluster.candidate !== undefined && elected !== cluster.candidate) {
        const message = `Member ${cluster.candidate} was behind the primary, so member ${elected} was elected again and no write is lost.`;
        await this.#giveUp(cluster, operation, message);
      }
      return (await this.#propose({ kind: 'step.finished', operationId, stepId: step.id, facts })) !== undefined;
    } catch (error) {
      if (this.#isStopped || abort.signal.aborted) return true;
      return await this.#fail(clusterId, operation, step, error);
    }
  }

  async #diverged(
    { id, epoch }: Cluster,
    operation: Operation,
    step: Step,
    { divergence }: Diverged,
  ): Promise<boolean> {
    this.#log('member diverged', operation, step, divergence);
    const found = { clusterId: id, operationId: operation.id, stepId: step.id, ordinal: step.ordinal, epoch };
    return (await this.#propose({ kind: 'member.diverged', ...found, reason: divergence })) !== undefined;
  }

  async #rejoined(operation: Operation, step: Step, { rejoined, reason }: Rejoined): Promise<boolean> {
    this.#log(`member rejoined, ${rejoined.method}`, operation, step, reason);
    const { clusterId, id: operationId } = operation;
    const entry = { kind: 'member.rejoined', clusterId, operationId, stepId: step.id, fact: rejoined } as const;
    return (await this.#propose({ ...entry, ...(reason === undefined ? {} : { reason }) })) !== undefined;
  }

  async #fail(clusterId: string, operation: Operation, step: Step, error: unknown): Promise<boolean> {
    const { federation, clock } = this.#options;
    const message = failureMessage(error);
    this.#log('step failed', operation, step, message);
    const attempts = federation.operation(operation.id)?.steps.find(({ id }) => id === step.id)?.attempts ?? 1;
    const hasGivenUp = federation.operation(operation.id)?.outcome !== undefined;
    // A failover leads on to a change that it preempted; that change can come to nothing as it could have before.
    const before = federation.cluster(clusterId);
    const isOfChange = CHANGING.includes(step.kind) && before !== undefined && !isWishOf(before, operation.before);
    const isDriven = hasGivenUp || (isUnstoppable(operation) && !isOfChange);
    const found = isDriven ? 'retry' : classify(step, failureClass(error), attempts, operation);
    const failed = { kind: 'step.failed', operationId: operation.id, stepId: step.id, error: message } as const;

    if (found === 'retry') {
      const delayMs = retryDelayMs(operation, attempts);
      const retryAt = new Date(clock.now().getTime() + delayMs).toISOString();
      return (await this.#propose({ ...failed, failureClass: found, retryAt })) !== undefined;
    }
    await this.#propose({ ...failed, failureClass: found });
    const cluster = federation.cluster(clusterId);
    if (cluster === undefined) return true;
    const replacement = found === 'elsewhere' ? this.#placeElsewhere(cluster, step.ordinal) : message;
    if (typeof replacement === 'string') return this.#giveUp(cluster, operation, replacement);
    const { ordinal, region } = replacement;
    const steps: PlannedStep[] = [{ id: `ensure_member/${ordinal}`, kind: 'ensure_member', ordinal, region }];
    const replaced = { clusterId, operationId: operation.id, retired: step.ordinal, member: replacement, steps };
    return (await this.#propose({ kind: 'member.replaced', ...replaced })) !== undefined;
  }

  /** The operation will not reach its goal; what was wished before is wished again, and led to. */
  async #giveUp(cluster: Cluster, operation: Operation, error: string): Promise<boolean> {
    const steps = plan(afterGivingUp(cluster, operation)).map(describe);
    const failing = { operationId: operation.id, outcome: 'FAILED', error, steps } as const;
    return (await this.#propose({ kind: 'operation.failing', ...failing })) !== undefined;
  }

  /** Another site for a member whose own had no room; or why there is none, in a sentence. */
  #placeElsewhere(cluster: Cluster, ordinal: number): WantedMember | string {
    const member = memberOf(cluster, ordinal);
    if (member === undefined) return 'The member is no longer wished.';
    const { placement: wish } = cluster.spec;
    const network = this.#options.network?.();
    const placement = place(
      {
        voters: member.kind === 'voter' ? 1 : 0,
        replicas: member.kind === 'replica' ? 1 : 0,
        arbiters: member.kind === 'arbiter' ? 1 : 0,
        flavor: cluster.spec.flavor,
        survive: wish.survive,
        onLoss: goesOnWithFewer(cluster.spec) ? 'degrade' : 'stop',
        regions: wish.regions,
        residency: wish.residency,
        fixed: wantedMembers(cluster).filter((other) => other.ordinal !== ordinal),
        excluded: [...cluster.members.filter(({ isRetired }) => isRetired), member],
        ...(network === undefined ? {} : { network }),
      },
      this.#options.sites(cluster.spec.flavor),
    );
    if ('infeasible' in placement)
      return `${member.region}/${member.zone} has no room, and elsewhere: ${placement.infeasible}`;
    const site = placement.sites[0];
    if (site === undefined) return 'There is no site.';
    return { ...site, ordinal: cluster.nextOrdinal };
  }

  #end(operation: Operation): void {
    if (this.#ending.has(operation.id)) return;
    this.#ending.add(operation.id);
    void this.#propose({ kind: 'operation.ended', operationId: operation.id }).finally(() => {
      this.#ending.delete(operation.id);
      this.#underWay.delete(operation.clusterId);
    });
  }

  #isTooEarly(cluster: Cluster, operation: Operation, step: Step): boolean {
    const retryAt = operation.steps.find(({ id }) => id === step.id)?.retryAt;
    const remainingMs = retryAt === undefined ? 0 : Date.parse(retryAt) - this.#options.clock.now().getTime();
    if (remainingMs <= 0 || this.#eager.has(`${operation.id}/${step.id}`)) return false;
    this.#lookLater(cluster.id, remainingMs);
    return true;
  }

  #lookLater(clusterId: string, delayMs: number): void {
    this.#timers.get(clusterId)?.cancel();
    const call = (): void => {
      this.#timers.delete(clusterId);
      this.look(clusterId);
    };
    this.#timers.set(clusterId, this.#options.clock.after(delayMs, call));
  }

  #countUnderWay(): number {
    return [...this.#underWay.values()].reduce((sum, steps) => sum + steps.size, 0);
  }

  /** Undefined when it was not committed, as far as this peer knows: the cluster is then looked at again a little later. */
  async #propose(entry: EntryBody): Promise<Applied | undefined> {
    if (this.#isStopped) return undefined;
    try {
      return await this.#options.propose(entry);
    } catch {
      // This peer leads no more and will be told to stop, or the quorum is away for a while.
      return undefined;
    }
  }

  #log(message: string, operation: Operation, step: Step, error?: string): void {
    const { id: operationId, clusterId, requestId } = operation;
    this.#options.log({
      message,
      operationId,
      clusterId,
      requestId,
      step: step.id,
      ...(error === undefined ? {} : { error }),
    });
  }
}

/** While there is no primary nobody writes: what failed is tried again soon. */
function retryDelayMs(operation: Operation, attempts: number): number {
  const [firstMs, lastMs] = isUnstoppable(operation) ? FAILOVER_RETRY_MS : ([FIRST_RETRY_MS, LAST_RETRY_MS] as const);
  return Math.min(firstMs * 2 ** Math.min(attempts - 1, MAX_DOUBLINGS), lastMs);
}

type FactOfSettings = Extract<Fact, { kind: 'parameterized' | 'restart_needed' | 'accounted' }>;

function isOfSettings(fact: Fact): fact is FactOfSettings {
  return fact.kind === 'parameterized' || fact.kind === 'restart_needed' || fact.kind === 'accounted';
}

function isOfList(fact: Fact): fact is Extract<Fact, { kind: 'joined' | 'dismissed' }> {
  return fact.kind === 'joined' || fact.kind === 'dismissed';
}

function classify(step: Step, found: FailureClass, attempts: number, operation: Operation): FailureClass {
  if (step.kind === 'remove_member') return 'retry';
  // Whether it is gone already is not known before somebody answers.
  if (found === 'retry' && step.kind === 'set_accounts' && isRemoval(operation)) return 'retry';
  if (found === 'elsewhere') return step.kind === 'ensure_member' ? 'elsewhere' : 'retry';
  return found === 'retry' && attempts >= MAX_ATTEMPTS ? 'never' : found;
}

/** A step as the log shows it. */
export function describe({ id, kind, ordinal, region }: Step): PlannedStep {
  return { id, kind, ordinal, region };
}
