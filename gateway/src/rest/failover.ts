// `POST /v2/clusters/{id}/failover`: another voter is made the primary although the present one does not hand over. It is
// what the gateway does by itself when the primary is gone; asked for, it needs no witness, and may give writes up.
import { z } from 'zod';
import { answers, awayOf, type Witnesses } from '../conductor/suspicion.ts';
import { canCommit, electorate, isEnough, vouches } from '../planning/elect.ts';
import type { Cluster, Member } from '../state/clusters.ts';
import type { Change } from './changes.ts';
import { demandPrimary } from './engine-ruled.ts';
import { ApiError } from './errors.ts';
import { readObject } from './objects.ts';
import type { RouteRequest } from './route.ts';

export const failoverBody = z.strictObject({
  accept_data_loss: z.boolean().optional().meta({
    description: 'Elect among the voters that answer, also when one that does not may hold acknowledged writes.',
  }),
});

export interface FailoverOptions {
  /** What is heard of the cluster's members now. */
  readonly witnesses: (cluster: Cluster) => Witnesses;
  readonly newId: () => string;
}

/** @throws ApiError */
export function failover(cluster: Cluster, { body, requestId }: RouteRequest, options: FailoverOptions): Change {
  const { accept_data_loss: isAccepted = false } = readObject(body ?? {}, failoverBody);
  demandPrimary(cluster, 'failover.impossible');
  if (cluster.opened.epoch === 0) {
    throw new ApiError('failover.impossible', 'The cluster has never had a primary that took writes.');
  }
  const witnesses = options.witnesses(cluster);
  const voters = electorate(cluster);
  const heard = voters.filter(
    ({ ordinal, facts }) => facts.leftOutInEpoch === undefined && answers(witnesses.get(ordinal)),
  );
  // A copy that has not caught up can follow and commit, and promises nothing.
  const whole = heard.filter(vouches);
  const missing = voters.filter((voter) => !whole.includes(voter));
  const names = missing.map(({ ordinal, region }) => `${cluster.name}-${ordinal} (${region})`).join(', ');
  const isWhole = isEnough(cluster, ordinalsOf(whole)) && canCommit(cluster, ordinalsOf(heard));
  if (!isWhole && !isAccepted) {
    throw new ApiError(
      'failover.impossible',
      `Too few voters answer to elect a primary and lose no write. Not heard, or not whole: ${names}. With \`accept_data_loss\` the others elect one, and what only these hold is given up.`,
    );
  }
  if (whole.length === 0) {
    throw new ApiError('failover.impossible', 'No voter of the cluster answers that has a whole copy of its data.');
  }

  return {
    entry: {
      ...{ kind: 'cluster.failover', clusterId: cluster.id, operationId: options.newId() },
      ...{ operationKind: 'cluster.failover', requestId, steps: [], epoch: cluster.epoch },
      ...{ deposed: cluster.primary ?? null, away: awayOf(cluster, witnesses), acceptsDataLoss: !isWhole },
      reason: 'An operator asked for it.',
    },
    reasons: isWhole ? [] : [`Writes that only ${names} hold are given up.`],
  };
}

function ordinalsOf(members: readonly Member[]): number[] {
  return members.map(({ ordinal }) => ordinal);
}
