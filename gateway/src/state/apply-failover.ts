// How a failover, and who is away and returns, change the state. Pure: tables in, tables changed, an answer out.
import { startOperation } from './apply-cluster.ts';
import { applyFact } from './apply-fact.ts';
import { changeStep } from './apply-operation.ts';
import { type Cluster, degrades, type Member, memberOf } from './clusters.ts';
import { type Applied, type EntryOf, refuse } from './entries.ts';
import { hasEnded, supersede, withoutFailure } from './operations.ts';
import type { Tables } from './tables.ts';
import { wishOf } from './wishes.ts';

/** It preempts what else was changing: the wish stays, and is led to under the next primary. */
export function failOver(tables: Tables, entry: EntryOf<'cluster.failover'>): Applied {
  const cluster = tables.clusters.get(entry.clusterId);
  if (cluster === undefined) return refuse('cluster.not_found', 'The cluster is gone.');
  const current = tables.operations.get(cluster.operationId);
  const isMade = current?.kind === 'cluster.create' && !hasEnded(current);
  if (current !== undefined && (isMade || (current.kind === 'cluster.delete' && !hasEnded(current)))) {
    return refuse('cluster.busy', `The cluster is being changed by operation ${current.id} (${current.kind}).`);
  }
  const isAsSeen = cluster.epoch === entry.epoch && (cluster.primary ?? null) === entry.deposed;
  if (cluster.wanted === 'absent' || cluster.liveRules.length === 0 || !isAsSeen) {
    return refuse('state.stale', 'The cluster has changed since. Look at it again.');
  }

  const { primary, candidate: _candidate, wantedPrimary: _void, ...rest } = cluster;
  const next: Cluster = {
    ...rest,
    members: withAway(cluster, entry.away),
    // An epoch that nobody leads yet is not left before somebody does.
    epoch: primary === undefined ? cluster.epoch : cluster.epoch + 1,
    failover: { acceptsDataLoss: entry.acceptsDataLoss },
    operationId: entry.operationId,
  };
  const before = current !== undefined && !hasEnded(current) ? current.before : undefined;
  if (current !== undefined && !hasEnded(current)) {
    const why = ', for the primary is gone; what was wished is led to afterwards.';
    tables.operations.set(current.id, supersede(current, entry.operationId, why, entry.at));
  }
  tables.setCluster(next, entry.at);
  startOperation(tables, entry, next, before ?? wishOf(cluster));
  return {};
}

export function seeMembers(tables: Tables, entry: EntryOf<'members.seen'>): Applied {
  const cluster = tables.clusters.get(entry.clusterId);
  if (cluster === undefined) return refuse('cluster.not_found', 'The cluster is gone.');
  const current = tables.operations.get(cluster.operationId);
  const isBusy = current !== undefined && !hasEnded(current);
  const { repair } = entry;
  if (repair !== undefined && (isBusy || cluster.wanted === 'absent')) {
    return refuse('state.stale', 'The cluster has changed since. Look at it again.');
  }

  const seen = { ...cluster, members: withAway(cluster, entry.away) };
  const next = repair === undefined ? seen : { ...seen, operationId: repair.operationId };
  tables.setCluster(next, entry.at);
  if (repair !== undefined) startOperation(tables, { ...repair, at: entry.at }, next, wishOf(cluster));
  return {};
}

/** What the voters that are cut off have is not given up: the rule with them is live until the one without is open. */
export function degradeCluster(tables: Tables, entry: EntryOf<'cluster.degraded'>): Applied {
  const cluster = tables.clusters.get(entry.clusterId);
  if (cluster === undefined) return refuse('cluster.not_found', 'The cluster is gone.');
  const { epoch, generation, without, repair, at } = entry;
  const current = tables.operations.get(cluster.operationId);
  const isBusy = repair !== undefined && current !== undefined && !hasEnded(current);
  const isAsSeen = cluster.epoch === epoch && cluster.rule?.generation === generation && cluster.primary !== undefined;
  if (!degrades(cluster) || !isAsSeen || cluster.wanted === 'absent' || isBusy) {
    return refuse('state.stale', 'The cluster has changed since. Look at it again.');
  }
  const members = cluster.members.map((member) =>
    without.includes(member.ordinal) && member.ordinal !== cluster.primary
      ? { ...member, facts: { ...member.facts, isCutOff: true } }
      : member,
  );
  const next = { ...cluster, members, ...(repair === undefined ? {} : { operationId: repair.operationId }) };
  tables.setCluster(next, at);
  if (repair !== undefined) startOperation(tables, { ...repair, at }, next, wishOf(cluster));
  return {};
}

/** The step has found out what it could: another one follows from it. */
export function divergeMember(tables: Tables, entry: EntryOf<'member.diverged'>): Applied {
  const cluster = tables.clusters.get(entry.clusterId);
  if (cluster === undefined) return refuse('cluster.not_found', 'The cluster is gone.');
  const { ordinal, epoch, reason, at } = entry;
  if (epoch === cluster.epoch && ordinal !== cluster.primary && memberOf(cluster, ordinal) !== undefined) {
    const members = cluster.members.map((member) =>
      member.ordinal === ordinal ? { ...member, facts: { ...member.facts, divergence: reason } } : member,
    );
    tables.setCluster({ ...cluster, members }, at);
  }
  const planned = { id: entry.stepId, kind: 'follow' };
  return changeStep(
    tables,
    entry.operationId,
    planned,
    (step) => ({ ...withoutFailure(step), status: 'DONE', finishedAt: at }),
    at,
  );
}

/** The fact is true whoever asked for it; a step of an operation that has ended has nobody to tell. */
export function rejoinMember(tables: Tables, entry: EntryOf<'member.rejoined'>): Applied {
  const cluster = tables.clusters.get(entry.clusterId);
  if (cluster === undefined) return refuse('cluster.not_found', 'The cluster is gone.');
  const { fact, at } = entry;
  tables.setCluster(applyFact(cluster, fact), at);
  return changeStep(
    tables,
    entry.operationId,
    { id: entry.stepId, kind: 'rejoin' },
    (step) => ({ ...withoutFailure(step), status: 'DONE', finishedAt: at }),
    at,
  );
}

function withAway({ members }: Cluster, away: readonly number[]): Member[] {
  return members.map((member) => {
    const { isAway: _before, ...facts } = member.facts;
    return { ...member, facts: away.includes(member.ordinal) ? { ...facts, isAway: true } : facts };
  });
}
