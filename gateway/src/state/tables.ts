// The state as tables, with the ways of writing that keep them in step with each other.
import type { Cluster } from './clusters.ts';
import type { Drill } from './drills.ts';
import { hasEnded, type Operation } from './operations.ts';
import type { ProjectLink } from './project-links.ts';
import type { JoinedRegion, Region } from './regions.ts';

/** Operations that have ended are forgotten beyond this many, oldest first. */
const MAX_ENDED_OPERATIONS = 10_000;

export class Tables {
  readonly clusters = new Map<string, Cluster>();
  readonly operations = new Map<string, Operation>();
  readonly regions = new Map<string, Region>();
  /** What joined while the federation ran. */
  readonly joined = new Map<string, JoinedRegion>();
  /** Names of regions that left, also of the configuration's. */
  readonly left = new Set<string>();
  /** Names of regions that take no new member. */
  readonly drained = new Set<string>();
  readonly drills = new Map<string, Drill>();
  readonly projectLinks = new Map<string, ProjectLink>();
  /** Ids of operations, by project and idempotency key. */
  readonly #repeats = new Map<string, string>();

  setCluster(cluster: Cluster, at: string): void {
    this.clusters.set(cluster.id, { ...cluster, updatedAt: at });
  }

  /** Adds an operation. */
  keep(operation: Operation): void {
    this.operations.set(operation.id, operation);
    const { idempotency } = operation;
    if (idempotency !== undefined) this.#repeats.set(repeatKey(idempotency.projectId, idempotency.key), operation.id);
  }

  keepDrill(drill: Drill): void {
    this.drills.set(drill.id, drill);
  }

  /** The operation that a request with this idempotency key began. */
  operationOf(projectId: string, key: string): Operation | undefined {
    const id = this.#repeats.get(repeatKey(projectId, key));
    return id === undefined ? undefined : this.operations.get(id);
  }

  forgetOldOperations(): void {
    if (this.operations.size <= MAX_ENDED_OPERATIONS) return;
    const ended = [...this.operations.values()].filter(hasEnded);
    for (const { id, idempotency } of ended.slice(0, Math.max(0, ended.length - MAX_ENDED_OPERATIONS))) {
      this.operations.delete(id);
      if (idempotency !== undefined) this.#repeats.delete(repeatKey(idempotency.projectId, idempotency.key));
    }
  }

  clear(): void {
    this.clusters.clear();
    this.operations.clear();
    this.regions.clear();
    this.joined.clear();
    this.left.clear();
    this.drained.clear();
    this.drills.clear();
    this.projectLinks.clear();
    this.#repeats.clear();
  }
}

function repeatKey(projectId: string, key: string): string {
  return `${projectId}\n${key}`;
}
