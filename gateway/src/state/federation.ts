// The replicated state: every peer applies the same entries in the same order and holds the same. Applying is a pure
// function of state and entry; it never plans, places, or reads a clock.
import assert from 'node:assert/strict';
import {
  changeCluster,
  createCluster,
  observeMember,
  recoverClusters,
  replaceMember,
  unwantCluster,
} from './apply-cluster.ts';
import { abortDrill, advanceDrill, createDrill, passSchedule } from './apply-drill.ts';
import { divergeMember, failOver, seeMembers } from './apply-failover.ts';
import { endOperation, failOperation, failStep, finishStep, startStep } from './apply-operation.ts';
import type { Cluster } from './clusters.ts';
import type { Drill } from './drills.ts';
import { type Applied, type Entry, refuse } from './entries.ts';
import { eventOf, type FederationEvent, MAX_EVENTS } from './events.ts';
import type { Operation } from './operations.ts';
import type { Region } from './regions.ts';
import { Tables } from './tables.ts';

interface Snapshot {
  readonly clusters: readonly Cluster[];
  readonly operations: readonly Operation[];
  readonly regions: readonly Region[];
  readonly events: readonly FederationEvent[];
  /** Absent in snapshots of before there were drills. */
  readonly drills?: readonly Drill[];
}

export class Federation {
  readonly #tables = new Tables();
  #events: FederationEvent[] = [];

  /** A state with just these in it, to see what an entry would make of them. */
  static of(parts: { clusters: readonly Cluster[]; operations: readonly Operation[] }): Federation {
    const federation = new Federation();
    for (const cluster of parts.clusters) federation.#tables.clusters.set(cluster.id, cluster);
    for (const operation of parts.operations) federation.#tables.keep(operation);
    return federation;
  }

  cluster(id: string): Cluster | undefined {
    return this.#tables.clusters.get(id);
  }

  /** In the order of creation. */
  clusters(): Cluster[] {
    return [...this.#tables.clusters.values()];
  }

  /** By id, or by a name within the project. */
  findCluster(projectId: string | undefined, idOrName: string): Cluster | undefined {
    const byId = this.#tables.clusters.get(idOrName);
    if (byId !== undefined && (projectId === undefined || byId.projectId === projectId)) return byId;
    return this.clusters().find(
      ({ name, projectId: owner }) => name === idOrName && (projectId === undefined || owner === projectId),
    );
  }

  operation(id: string): Operation | undefined {
    return this.#tables.operations.get(id);
  }

  /** The operation that a request with this idempotency key began. */
  operationOf(projectId: string, key: string): Operation | undefined {
    return this.#tables.operationOf(projectId, key);
  }

  operations(): Operation[] {
    return [...this.#tables.operations.values()];
  }

  drill(id: string): Drill | undefined {
    return this.#tables.drills.get(id);
  }

  /** In the order of creation. */
  drills(): Drill[] {
    return [...this.#tables.drills.values()];
  }

  region(name: string): Region | undefined {
    return this.#tables.regions.get(name);
  }

  regions(): Region[] {
    return [...this.#tables.regions.values()].sort((left, right) => (left.name < right.name ? -1 : 1));
  }

  /** Those after the event of that number, oldest first. */
  eventsAfter(id: number): readonly FederationEvent[] {
    return this.#events.slice(Math.max(0, id + 1 - this.eventRange().oldest));
  }

  /** The numbers of the events that are kept; none: the oldest is beyond the newest. */
  eventRange(): { readonly oldest: number; readonly newest: number } {
    return { oldest: this.#events[0]?.id ?? 1, newest: this.#events.at(-1)?.id ?? 0 };
  }

  snapshot(): Uint8Array {
    const snapshot: Snapshot = {
      clusters: this.clusters(),
      operations: this.operations(),
      regions: this.regions(),
      events: this.#events,
      drills: this.drills(),
    };
    return Buffer.from(JSON.stringify(snapshot));
  }

  restore(data: Uint8Array): void {
    const snapshot = JSON.parse(Buffer.from(data).toString('utf8')) as Snapshot;
    this.#tables.clear();
    for (const cluster of snapshot.clusters) this.#tables.clusters.set(cluster.id, cluster);
    for (const operation of snapshot.operations) this.#tables.keep(operation);
    for (const region of snapshot.regions) this.#tables.regions.set(region.name, region);
    for (const drill of snapshot.drills ?? []) this.#tables.keepDrill(drill);
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
    const tables = this.#tables;
    switch (entry.kind) {
      case 'cluster.created':
        return createCluster(tables, entry);
      case 'cluster.unwanted':
        return unwantCluster(tables, entry);
      case 'cluster.changed':
        return changeCluster(tables, entry);
      case 'member.replaced':
        return replaceMember(tables, entry);
      case 'member.observed':
        return observeMember(tables, entry);
      case 'step.started':
        return startStep(tables, entry);
      case 'step.finished':
        return finishStep(tables, entry);
      case 'step.failed':
        return failStep(tables, entry);
      case 'operation.failing':
        return failOperation(tables, entry);
      case 'operation.ended':
        return endOperation(tables, entry);
      case 'region.observed':
        tables.regions.set(entry.region.name, { ...entry.region, updatedAt: entry.at });
        return {};
      case 'drill.created':
        return createDrill(tables, entry);
      case 'drill.advanced':
        return advanceDrill(tables, entry);
      case 'drill.aborted':
        return abortDrill(tables, entry);
      case 'drill.passed_over':
        return passSchedule(tables, entry);
      case 'federation.recovered':
        recoverClusters(tables, entry);
        return {};
      case 'cluster.failover':
        return failOver(tables, entry);
      case 'members.seen':
        return seeMembers(tables, entry);
      case 'member.diverged':
        return divergeMember(tables, entry);
      case 'cluster.noted':
        return tables.clusters.has(entry.clusterId) ? {} : refuse('cluster.not_found', 'The cluster is gone.');
      default:
        // A peer that met an entry it cannot apply would differ from the others from here on.
        assert.fail(`unknown kind of entry: ${JSON.stringify((entry as { kind: unknown }).kind)}`);
    }
  }
}
