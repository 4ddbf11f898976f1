// The replicated state: every peer applies the same entries in the same order and holds the same. Applying is a pure
// function of state and entry; it never plans, places, or reads a clock.
import assert from 'node:assert/strict';
import { applyFact } from './apply-fact.ts';
import { type Cluster, memberOf, withNothingWanted } from './clusters.ts';
import { type Applied, type Entry, newMember, type PlannedStep, type Refusal } from './entries.ts';
import { eventOf, type FederationEvent, MAX_EVENTS } from './events.ts';
import { hasEnded, type Operation, type StepRecord, type Wish } from './operations.ts';
import type { Region } from './regions.ts';
import { afterGivingUp, wishOf, withWish } from './wishes.ts';

/** Operations that have ended are forgotten beyond this many, oldest first. */
const MAX_ENDED_OPERATIONS = 10_000;

type EntryOf<Kind extends Entry['kind']> = Extract<Entry, { kind: Kind }>;

interface Snapshot {
  readonly clusters: readonly Cluster[];
  readonly operations: readonly Operation[];
  readonly regions: readonly Region[];
  readonly events: readonly FederationEvent[];
}

export class Federation {
  readonly #clusters = new Map<string, Cluster>();
  readonly #operations = new Map<string, Operation>();
  readonly #regions = new Map<string, Region>();
  /** By project and idempotency key. */
  readonly #repeats = new Map<string, string>();
  #events: FederationEvent[] = [];

  /** A state with just these in it, to see what an entry would make of them. */
  static of(parts: { clusters: readonly Cluster[]; operations: readonly Operation[] }): Federation {
    const federation = new Federation();
    for (const cluster of parts.clusters) federation.#clusters.set(cluster.id, cluster);
    for (const operation of parts.operations) federation.#keep(operation);
    return federation;
  }

  cluster(id: string): Cluster | undefined {
    return this.#clusters.get(id);
  }

  /** In the order of creation. */
  clusters(): Cluster[] {
    return [...this.#clusters.values()];
  }

  /** By id, or by a name within the project. */
  findCluster(projectId: string | undefined, idOrName: string): Cluster | undefined {
    const byId = this.#clusters.get(idOrName);
    if (byId !== undefined && (projectId === undefined || byId.projectId === projectId)) return byId;
    return this.clusters().find(
      ({ name, projectId: owner }) => name === idOrName && (projectId === undefined || owner === projectId),
    );
  }

  operation(id: string): Operation | undefined {
    return this.#operations.get(id);
  }

  /** The operation that a request with this idempotency key began. */
  operationOf(projectId: string, key: string): Operation | undefined {
    const id = this.#repeats.get(repeatKey(projectId, key));
    return id === undefined ? undefined : this.#operations.get(id);
  }

  operations(): Operation[] {
    return [...this.#operations.values()];
  }

  region(name: string): Region | undefined {
    return this.#regions.get(name);
  }

  regions(): Region[] {
    return [...this.#regions.values()].sort((left, right) => (left.name < right.name ? -1 : 1));
  }

  /** Those after the event of that number, oldest first. */
  eventsAfter(id: number): readonly FederationEvent[] {
    const oldest = this.#events[0]?.id ?? 1;
    return this.#events.slice(Math.max(0, id + 1 - oldest));
  }

  snapshot(): Uint8Array {
    const snapshot: Snapshot = {
      clusters: this.clusters(),
      operations: this.operations(),
      regions: this.regions(),
      events: this.#events,
    };
    return Buffer.from(JSON.stringify(snapshot));
  }

  restore(data: Uint8Array): void {
    const snapshot = JSON.parse(Buffer.from(data).toString('utf8')) as Snapshot;
    this.#clusters.clear();
    this.#operations.clear();
    this.#repeats.clear();
    this.#regions.clear();
    for (const cluster of snapshot.clusters) this.#clusters.set(cluster.id, cluster);
    for (const operation of snapshot.operations) this.#keep(operation);
    for (const region of snapshot.regions) this.#regions.set(region.name, region);
    this.#events = [...snapshot.events];
  }

  apply(entry: Entry): Applied {
    if ('idempotency' in entry && entry.idempotency !== undefined) {
      const { projectId, key } = entry.idempotency;
      if (this.operationOf(projectId, key) !== undefined)
        return refuse('idempotency.repeated', 'This was asked for before.');
    }
    const before = entry.kind === 'region.observed' ? this.region(entry.region.name) : undefined;
    const applied = this.#change(entry);
    const event = applied.refused === undefined ? eventOf(entry, this, before) : undefined;
    if (event !== undefined) {
      this.#events.push({ id: (this.#events.at(-1)?.id ?? 0) + 1, at: entry.at, ...event });
      // Trimmed in lots, so that each entry does not move them all.
      if (this.#events.length >= 2 * MAX_EVENTS) this.#events = this.#events.slice(-MAX_EVENTS);
    }
    return applied;
  }

  #change(entry: Entry): Applied {
    switch (entry.kind) {
      case 'cluster.created':
        return this.#createCluster(entry);
      case 'cluster.unwanted':
        return this.#unwantCluster(entry);
      case 'cluster.changed':
        return this.#changeCluster(entry);
      case 'member.replaced':
        return this.#replaceMember(entry);
      case 'step.started':
        return this.#changeStep(
          entry.operationId,
          entry.step,
          (step) => ({
            ...withoutFailure(step),
            status: 'RUNNING',
            attempts: step.attempts + 1,
            startedAt: step.startedAt ?? entry.at,
          }),
          entry.at,
        );
      case 'step.finished':
        return this.#finishStep(entry);
      case 'step.failed':
        return this.#failStep(entry);
      case 'operation.failing':
        return this.#failOperation(entry);
      case 'operation.ended':
        return this.#endOperation(entry);
      case 'member.observed':
        return this.#observeMember(entry);
      case 'region.observed':
        this.#regions.set(entry.region.name, { ...entry.region, updatedAt: entry.at });
        return {};
      default:
        // A peer that met an entry it cannot apply would differ from the others from here on.
        assert.fail(`unknown kind of entry: ${JSON.stringify((entry as { kind: unknown }).kind)}`);
    }
  }

  #createCluster(entry: EntryOf<'cluster.created'>): Applied {
    const taken = this.clusters().some(({ name, projectId }) => name === entry.name && projectId === entry.projectId);
    if (taken) return refuse('cluster.name_taken', `A cluster called "${entry.name}" already exists in this project.`);
    if (this.#clusters.has(entry.clusterId)) return refuse('state.stale', 'The id of the cluster is in use.');

    this.#clusters.set(entry.clusterId, {
      id: entry.clusterId,
      name: entry.name,
      projectId: entry.projectId,
      spec: entry.spec,
      revision: 1,
      wanted: 'present',
      members: entry.members.map(newMember),
      nextOrdinal: Math.max(0, ...entry.members.map(({ ordinal }) => ordinal)) + 1,
      epoch: 0,
      liveRules: [],
      opened: { epoch: 0, generation: 0 },
      admin: entry.admin,
      operationId: entry.operationId,
      createdAt: entry.at,
      updatedAt: entry.at,
    });
    this.#startOperation(entry, this.#clusters.get(entry.clusterId));
    return {};
  }

  #unwantCluster(entry: EntryOf<'cluster.unwanted'>): Applied {
    const cluster = this.#clusters.get(entry.clusterId);
    if (cluster === undefined) return refuse('cluster.not_found', 'The cluster is gone.');

    const current = this.#operations.get(cluster.operationId);
    if (current?.kind === 'cluster.delete' && !hasEnded(current)) {
      return refuse('cluster.busy', `The cluster is already being deleted, by operation ${current.id}.`);
    }
    if (current !== undefined && !hasEnded(current)) {
      const error = `Superseded by operation ${entry.operationId}, which deletes the cluster.`;
      this.#operations.set(current.id, { ...current, status: 'CANCELLED', error, updatedAt: entry.at });
    }
    this.#setCluster(
      { ...withNothingWanted(cluster), revision: cluster.revision + 1, operationId: entry.operationId },
      entry.at,
    );
    this.#startOperation(entry, this.#clusters.get(entry.clusterId));
    return {};
  }

  #changeCluster(entry: EntryOf<'cluster.changed'>): Applied {
    const cluster = this.#clusters.get(entry.clusterId);
    if (cluster === undefined) return refuse('cluster.not_found', 'The cluster is gone.');
    const current = this.#operations.get(cluster.operationId);
    if (current !== undefined && !hasEnded(current)) {
      return refuse('cluster.busy', `The cluster is being changed by operation ${current.id} (${current.kind}).`);
    }
    if (cluster.wanted === 'absent' || cluster.revision !== entry.baseRevision) {
      return refuse('state.stale', 'The cluster has changed since. Look at it again.');
    }
    const before = wishOf(cluster);
    const { wantedPrimary: _void, ...rest } = withWish(cluster, entry.members);
    const primary = entry.wantedPrimary;
    this.#setCluster(
      {
        ...rest,
        spec: entry.spec,
        admin: entry.admin,
        revision: cluster.revision + 1,
        operationId: entry.operationId,
        ...(primary === undefined ? {} : { wantedPrimary: { ordinal: primary, epoch: cluster.epoch } }),
      },
      entry.at,
    );
    this.#startOperation(entry, this.#clusters.get(entry.clusterId), before);
    return {};
  }

  #startOperation(
    entry: EntryOf<'cluster.created' | 'cluster.unwanted' | 'cluster.changed'>,
    cluster: Cluster | undefined,
    before?: Wish,
  ): void {
    assert(cluster !== undefined);
    this.#keep({
      id: entry.operationId,
      kind: entry.operationKind,
      clusterId: cluster.id,
      clusterName: cluster.name,
      projectId: cluster.projectId,
      revision: cluster.revision,
      status: 'RUNNING',
      steps: entry.steps.map(pendingStep),
      requestId: entry.requestId,
      ...(before === undefined ? {} : { before }),
      ...(entry.idempotency === undefined ? {} : { idempotency: entry.idempotency }),
      createdAt: entry.at,
      updatedAt: entry.at,
    });
    this.#forgetOldOperations();
  }

  #replaceMember(entry: EntryOf<'member.replaced'>): Applied {
    const cluster = this.#clusters.get(entry.clusterId);
    const operation = this.#operations.get(entry.operationId);
    if (cluster === undefined || operation === undefined || hasEnded(operation))
      return refuse('state.stale', 'The operation has ended.');
    if (entry.member.ordinal !== cluster.nextOrdinal || memberOf(cluster, entry.retired)?.isRetired !== false) {
      return refuse('state.stale', 'The cluster has changed since.');
    }

    const members = cluster.members.map((member) =>
      member.ordinal === entry.retired ? { ...member, isRetired: true } : member,
    );
    const next = { ...cluster, members: [...members, newMember(entry.member)], nextOrdinal: cluster.nextOrdinal + 1 };
    this.#setCluster(next, entry.at);
    this.#operations.set(operation.id, { ...addSteps(dropPending(operation), entry.steps), updatedAt: entry.at });
    return {};
  }

  #changeStep(
    operationId: string,
    planned: PlannedStep,
    change: (step: StepRecord) => StepRecord,
    at: string,
  ): Applied {
    const operation = this.#operations.get(operationId);
    if (operation === undefined) return refuse('operation.not_found', 'The operation is gone.');
    if (hasEnded(operation)) return refuse('state.stale', 'The operation has ended.');

    const complete = addSteps(operation, [planned]);
    const steps = complete.steps.map((step) => (step.id === planned.id ? change(step) : step));
    this.#operations.set(operation.id, { ...complete, steps, updatedAt: at });
    return {};
  }

  #finishStep(entry: EntryOf<'step.finished'>): Applied {
    const operation = this.#operations.get(entry.operationId);
    const cluster = operation && this.#clusters.get(operation.clusterId);
    if (operation === undefined || cluster === undefined)
      return refuse('operation.not_found', 'The operation is gone.');

    // Facts are true whoever asked for them, so they count also when the operation was superseded meanwhile.
    this.#setCluster(entry.facts.reduce(applyFact, cluster), entry.at);
    return this.#changeStep(
      operation.id,
      { id: entry.stepId, kind: '' },
      (step) => ({ ...withoutFailure(step), status: 'DONE', finishedAt: entry.at }),
      entry.at,
    );
  }

  #failStep(entry: EntryOf<'step.failed'>): Applied {
    const failure = {
      error: entry.error,
      failureClass: entry.failureClass,
      ...(entry.retryAt === undefined ? {} : { retryAt: entry.retryAt }),
    };
    const status = entry.failureClass === 'retry' ? 'PENDING' : 'FAILED';
    return this.#changeStep(
      entry.operationId,
      { id: entry.stepId, kind: '' },
      (step) => ({ ...withoutFailure(step), ...failure, status }),
      entry.at,
    );
  }

  #failOperation(entry: EntryOf<'operation.failing'>): Applied {
    const operation = this.#operations.get(entry.operationId);
    const cluster = operation && this.#clusters.get(operation.clusterId);
    if (operation === undefined || cluster === undefined)
      return refuse('operation.not_found', 'The operation is gone.');
    if (hasEnded(operation) || operation.error !== undefined)
      return refuse('state.stale', 'The operation has failed already.');

    this.#operations.set(operation.id, {
      ...addSteps(dropPending(operation), entry.steps),
      error: entry.error,
      outcome: entry.outcome,
      updatedAt: entry.at,
    });
    const isCreate = operation.before === undefined;
    const next = { ...afterGivingUp(cluster, operation), ...(isCreate ? { failure: entry.error } : {}) };
    this.#setCluster(next, entry.at);
    return {};
  }

  #endOperation(entry: EntryOf<'operation.ended'>): Applied {
    const operation = this.#operations.get(entry.operationId);
    if (operation === undefined) return refuse('operation.not_found', 'The operation is gone.');
    if (hasEnded(operation)) return {};

    const status = operation.outcome ?? 'DONE';
    this.#operations.set(operation.id, { ...dropPending(operation), status, updatedAt: entry.at });
    if (operation.kind === 'cluster.delete' && status === 'DONE') this.#clusters.delete(operation.clusterId);
    return {};
  }

  #observeMember(entry: EntryOf<'member.observed'>): Applied {
    const cluster = this.#clusters.get(entry.clusterId);
    if (cluster === undefined) return refuse('cluster.not_found', 'The cluster is gone.');

    const members = cluster.members.map((member) => {
      if (member.ordinal !== entry.ordinal) return member;
      const { detail: _old, ...facts } = member.facts;
      return {
        ...member,
        facts: { ...facts, isUp: entry.isUp, ...(entry.detail === undefined ? {} : { detail: entry.detail }) },
      };
    });
    this.#setCluster({ ...cluster, members }, entry.at);
    return {};
  }

  #setCluster(cluster: Cluster, at: string): void {
    this.#clusters.set(cluster.id, { ...cluster, updatedAt: at });
  }

  #keep(operation: Operation): void {
    this.#operations.set(operation.id, operation);
    const { idempotency } = operation;
    if (idempotency !== undefined) this.#repeats.set(repeatKey(idempotency.projectId, idempotency.key), operation.id);
  }

  #forgetOldOperations(): void {
    const ended = this.operations().filter(hasEnded);
    for (const { id, idempotency } of ended.slice(0, Math.max(0, ended.length - MAX_ENDED_OPERATIONS))) {
      this.#operations.delete(id);
      if (idempotency !== undefined) this.#repeats.delete(repeatKey(idempotency.projectId, idempotency.key));
    }
  }
}

function repeatKey(projectId: string, key: string): string {
  return `${projectId}\n${key}`;
}

function refuse(code: Refusal['code'], message: string): Applied {
  return { refused: { code, message } };
}

function pendingStep(planned: PlannedStep): StepRecord {
  return { ...planned, status: 'PENDING', attempts: 0 };
}

function addSteps(operation: Operation, planned: readonly PlannedStep[]): Operation {
  const known = new Set(operation.steps.map(({ id }) => id));
  const added = planned.filter(({ id }) => !known.has(id)).map(pendingStep);
  return added.length === 0 ? operation : { ...operation, steps: [...operation.steps, ...added] };
}

/** Steps that were planned and never begun are no longer part of the way. */
function dropPending(operation: Operation): Operation {
  return {
    ...operation,
    steps: operation.steps.filter(({ status, attempts }) => status !== 'PENDING' || attempts > 0),
  };
}

function withoutFailure(step: StepRecord): StepRecord {
  const { error: _error, failureClass: _class, retryAt: _retryAt, ...rest } = step;
  return rest;
}
