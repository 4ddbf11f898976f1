// The replicated state: every peer applies the same entries in the same order and holds the same. Applying is a pure
// function of state and entry; it never plans, places, or reads a clock.
import assert from 'node:assert/strict';
import {
  changeAccounts,
  changeCluster,
  createCluster,
  observeMember,
  recoverClusters,
  replaceMember,
  unwantCluster,
} from './apply-cluster.ts';
import { abortDrill, advanceDrill, createDrill, passSchedule } from './apply-drill.ts';
import { degradeCluster, divergeMember, failOver, rejoinMember, seeMembers } from './apply-failover.ts';
import { endOperation, establishFact, failOperation, failStep, finishStep, startStep } from './apply-operation.ts';
import { linkProjects, unlinkProjects } from './apply-project-links.ts';
import { addRegion, drainRegion, observeRegion, removeRegion } from './apply-region.ts';
import type { Cluster } from './clusters.ts';
import type { Drill } from './drills.ts';
import { type Applied, type Entry, refuse } from './entries.ts';
import { eventOf, type FederationEvent, MAX_EVENTS } from './events.ts';
import type { Operation } from './operations.ts';
import type { ProjectLink } from './project-links.ts';
import type { JoinedRegion, LedRegion, Region } from './regions.ts';
import { Tables } from './tables.ts';

interface Snapshot {
  readonly clusters: readonly Cluster[];
  readonly operations: readonly Operation[];
  readonly regions: readonly Region[];
  readonly events: readonly FederationEvent[];
  /** Absent in what was written before regions could join. */
  readonly membership?: {
    readonly joined: readonly JoinedRegion[];
    readonly left: readonly string[];
    readonly drained: readonly string[];
  };
  /** Absent in snapshots of before there were drills. */
  readonly drills?: readonly Drill[];
  /** Absent in snapshots of before projects could be linked. */
  readonly projectLinks?: readonly ProjectLink[];
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

  /** In the order in which they were made. */
  projectLinks(): ProjectLink[] {
    return [...this.#tables.projectLinks.values()];
  }

  region(name: string): Region | undefined {
    const region = this.#tables.regions.get(name);
    return region && this.#tables.drained.has(name) ? { ...region, isDrained: true } : region;
  }

  /** The regions that there are: those of the configuration that have not left, and those that joined. */
  ledRegions(configured: readonly LedRegion[]): LedRegion[] {
    const { joined, left } = this.#tables;
    const stayed = configured.filter(({ name }) => !left.has(name) && !joined.has(name));
    return [...stayed, ...[...joined.values()].map(({ name, executors }) => ({ name, executors }))];
  }

  /** Those that joined with a Keystone whose tokens are good here. */
  joinedKeystones(): { readonly name: string; readonly url: string }[] {
    return [...this.#tables.joined.values()].flatMap(({ name, keystone }) =>
      keystone === undefined ? [] : [{ name, url: keystone }],
    );
  }

  /** How many members are in a region, those included that are being made or removed. */
  membersIn(region: string): number {
    return this.clusters().reduce(
      (sum, { members }) => sum + members.filter((member) => member.region === region).length,
      0,
    );
  }

  regions(): Region[] {
    const names = [...this.#tables.regions.keys()].sort((left, right) => (left < right ? -1 : 1));
    return names.flatMap((name) => this.region(name) ?? []);
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
      regions: [...this.#tables.regions.values()],
      events: this.#events,
      membership: {
        joined: [...this.#tables.joined.values()],
        left: [...this.#tables.left],
        drained: [...this.#tables.drained],
      },
      drills: this.drills(),
      projectLinks: this.projectLinks(),
    };
    return Buffer.from(JSON.stringify(snapshot));
  }

  restore(data: Uint8Array): void {
    const snapshot = JSON.parse(Buffer.from(data).toString('utf8')) as Snapshot;
    this.#tables.clear();
    for (const cluster of snapshot.clusters) this.#tables.clusters.set(cluster.id, cluster);
    for (const operation of snapshot.operations) this.#tables.keep(operation);
    for (const region of snapshot.regions) this.#tables.regions.set(region.name, region);
    const { joined = [], left = [], drained = [] } = snapshot.membership ?? {};
    for (const region of joined) this.#tables.joined.set(region.name, region);
    for (const name of left) this.#tables.left.add(name);
    for (const name of drained) this.#tables.drained.add(name);
    for (const drill of snapshot.drills ?? []) this.#tables.keepDrill(drill);
    for (const link of snapshot.projectLinks ?? []) this.#tables.projectLinks.set(link.id, link);
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
        return observeRegion(tables, entry);
      case 'region.added':
        return addRegion(tables, entry);
      case 'region.removed':
        return removeRegion(tables, entry);
      case 'region.drained':
        return drainRegion(tables, entry);
      case 'drill.created':
        return createDrill(tables, entry);
      case 'drill.advanced':
        return advanceDrill(tables, entry);
      case 'drill.aborted':
        return abortDrill(tables, entry);
      case 'drill.passed_over':
        return passSchedule(tables, entry);
      case 'projects.linked':
        return linkProjects(tables, entry);
      case 'projects.unlinked':
        return unlinkProjects(tables, entry);
      case 'federation.recovered':
        recoverClusters(tables, entry);
        return {};
      case 'cluster.failover':
        return failOver(tables, entry);
      case 'members.seen':
        return seeMembers(tables, entry);
      case 'member.diverged':
        return divergeMember(tables, entry);
      case 'cluster.degraded':
        return degradeCluster(tables, entry);
      case 'member.rejoined':
        return rejoinMember(tables, entry);
      case 'accounts.changed':
        return changeAccounts(tables, entry);
      case 'member.configured':
      case 'member.listed':
      case 'member.returned':
        return establishFact(tables, entry);
      case 'cluster.noted':
        return tables.clusters.has(entry.clusterId) ? {} : refuse('cluster.not_found', 'The cluster is gone.');
      default:
        // A peer that met an entry it cannot apply would differ from the others from here on.
        assert.fail(`unknown kind of entry: ${JSON.stringify((entry as { kind: unknown }).kind)}`);
    }
  }
}
