// How the entries about clusters change the state. Pure: tables in, tables changed, an answer out.
import assert from 'node:assert/strict';
import { drillOf } from './apply-drill.ts';
import { type Cluster, isEngineRuled, memberOf, withNothingWanted } from './clusters.ts';
import { type Applied, type EntryOf, newMember, type OperationStart, refuse } from './entries.ts';
import { addSteps, dropPending, hasEnded, pendingStep, supersede, type Wish } from './operations.ts';
import type { Tables } from './tables.ts';
import { wishOf, withWish } from './wishes.ts';

/** Nothing is placed in a region that left while the leader was placing. */
function refuseLeft(tables: Tables, members: readonly { readonly region: string }[]): Applied | undefined {
  const gone = members.find(({ region }) => tables.left.has(region));
  return gone && refuse('state.stale', `The region ${gone.region} left the federation meanwhile. Ask again.`);
}

export function createCluster(tables: Tables, entry: EntryOf<'cluster.created'>): Applied {
  const left = refuseLeft(tables, entry.members);
  if (left !== undefined) return left;
  const taken = [...tables.clusters.values()].some(
    ({ name, projectId }) => name === entry.name && projectId === entry.projectId,
  );
  if (taken) return refuse('cluster.name_taken', `A cluster called "${entry.name}" already exists in this project.`);
  if (tables.clusters.has(entry.clusterId)) return refuse('state.stale', 'The id of the cluster is in use.');

  tables.clusters.set(entry.clusterId, {
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
  startOperation(tables, entry, tables.clusters.get(entry.clusterId));
  return {};
}

export function unwantCluster(tables: Tables, entry: EntryOf<'cluster.unwanted'>): Applied {
  const cluster = tables.clusters.get(entry.clusterId);
  if (cluster === undefined) return refuse('cluster.not_found', 'The cluster is gone.');

  const current = tables.operations.get(cluster.operationId);
  if (current?.kind === 'cluster.delete' && !hasEnded(current)) {
    return refuse('cluster.busy', `The cluster is already being deleted, by operation ${current.id}.`);
  }
  if (current !== undefined && !hasEnded(current)) {
    const why = ', which deletes the cluster.';
    tables.operations.set(current.id, supersede(current, entry.operationId, why, entry.at));
  }
  tables.setCluster(
    { ...withNothingWanted(cluster), revision: cluster.revision + 1, operationId: entry.operationId },
    entry.at,
  );
  startOperation(tables, entry, tables.clusters.get(entry.clusterId));
  return {};
}

/** The cluster, when it can be changed now. */
function changeable(
  tables: Tables,
  entry: { readonly clusterId: string; readonly baseRevision: number; readonly drillId?: string },
): Applied | { readonly cluster: Cluster } {
  const cluster = tables.clusters.get(entry.clusterId);
  if (cluster === undefined) return refuse('cluster.not_found', 'The cluster is gone.');
  const current = tables.operations.get(cluster.operationId);
  if (current !== undefined && !hasEnded(current)) {
    return refuse('cluster.busy', `The cluster is being changed by operation ${current.id} (${current.kind}).`);
  }
  if (cluster.wanted === 'absent' || cluster.revision !== entry.baseRevision) {
    return refuse('state.stale', 'The cluster has changed since. Look at it again.');
  }
  const drill = drillOf(tables, cluster.id);
  if (drill !== undefined && drill.id !== entry.drillId) {
    return refuse('cluster.busy', `Drill ${drill.id} (${drill.spec.kind}) runs. Abort it, or wait for its end.`);
  }
  return { cluster };
}

export function changeAccounts(tables: Tables, entry: EntryOf<'accounts.changed'>): Applied {
  const found = changeable(tables, entry);
  if (!('cluster' in found)) return found;
  const { cluster } = found;
  const { wantedPrimary: _void, ...rest } = cluster;
  const { accounts, operationId } = entry;
  tables.setCluster({ ...rest, accounts, operationId, revision: cluster.revision + 1 }, entry.at);
  startOperation(tables, entry, tables.clusters.get(cluster.id), wishOf(cluster));
  return {};
}

export function changeCluster(tables: Tables, entry: EntryOf<'cluster.changed'>): Applied {
  const found = changeable(tables, entry);
  if (!('cluster' in found)) return found;
  const { cluster } = found;
  const left = refuseLeft(tables, entry.members);
  if (left !== undefined) return left;
  const before = wishOf(cluster);
  const { wantedPrimary: _void, ...rest } = withWish(cluster, entry.members);
  const primary = entry.wantedPrimary;
  tables.setCluster(
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
  startOperation(tables, entry, tables.clusters.get(entry.clusterId), before);
  return {};
}

export function replaceMember(tables: Tables, entry: EntryOf<'member.replaced'>): Applied {
  const cluster = tables.clusters.get(entry.clusterId);
  const operation = tables.operations.get(entry.operationId);
  if (cluster === undefined || operation === undefined || hasEnded(operation))
    return refuse('state.stale', 'The operation has ended.');
  if (entry.member.ordinal !== cluster.nextOrdinal || memberOf(cluster, entry.retired)?.isRetired !== false) {
    return refuse('state.stale', 'The cluster has changed since.');
  }
  const left = refuseLeft(tables, [entry.member]);
  if (left !== undefined) return left;

  const members = cluster.members.map((member) =>
    member.ordinal === entry.retired ? { ...member, isRetired: true } : member,
  );
  const next = { ...cluster, members: [...members, newMember(entry.member)], nextOrdinal: cluster.nextOrdinal + 1 };
  tables.setCluster(next, entry.at);
  tables.operations.set(operation.id, { ...addSteps(dropPending(operation), entry.steps), updatedAt: entry.at });
  return {};
}

export function observeMember(tables: Tables, entry: EntryOf<'member.observed'>): Applied {
  const cluster = tables.clusters.get(entry.clusterId);
  if (cluster === undefined) return refuse('cluster.not_found', 'The cluster is gone.');

  const members = cluster.members.map((member) => {
    if (member.ordinal !== entry.ordinal) return member;
    const { detail: _old, ...facts } = member.facts;
    return {
      ...member,
      facts: { ...facts, isUp: entry.isUp, ...(entry.detail === undefined ? {} : { detail: entry.detail }) },
    };
  });
  tables.setCluster({ ...cluster, members }, entry.at);
  return {};
}

export function startOperation(
  tables: Tables,
  entry: OperationStart & { readonly at: string },
  cluster: Cluster | undefined,
  before?: Wish,
): void {
  assert(cluster !== undefined);
  tables.keep({
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
  tables.forgetOldOperations();
}

/** Each cluster elects anew, in an epoch above all that the lost peers can have raised. */
export function recoverClusters(tables: Tables, { epochs, at }: EntryOf<'federation.recovered'>): void {
  for (const cluster of [...tables.clusters.values()]) {
    if (cluster.epoch === 0 || isEngineRuled(cluster)) continue;
    const { primary, wantedPrimary: _void, candidate, ...rest } = cluster;
    const next = primary ?? candidate ?? cluster.lastElected?.ordinal;
    const electing = next === undefined ? {} : { candidate: next };
    tables.setCluster({ ...rest, epoch: cluster.epoch + epochs, ...electing }, at);
  }
  tables.regions.clear();
}
