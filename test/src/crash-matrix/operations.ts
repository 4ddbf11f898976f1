// The operations of the matrix: what each needs, how it is asked for, and what must be so when it is done.
import type { Accepted, ClusterView, Tenant } from './tenant.ts';

export interface OperationUnderTest {
  readonly name: string;
  /** What it is asked of: nothing, or a cluster of so many voters. */
  readonly needs: 'nothing' | 3 | 5;
  /** Its answer tells a password that is the only one afterwards. */
  readonly isNewPassword?: true;
  start(tenant: Tenant, cluster: ClusterView | undefined): Promise<Accepted | undefined>;
  /** Why the cluster is not what was asked for, in a sentence; undefined is a cluster that is gone. */
  complaint(after: ClusterView | undefined, before: ClusterView | undefined): string | undefined;
}

let clusters = 0;

function newName(): string {
  clusters += 1;
  return `cell-${clusters}-${Date.now().toString(36)}`;
}

const path = (cluster: ClusterView | undefined): string => `/v2/clusters/${cluster?.id}`;

function voters(wished: number): OperationUnderTest['complaint'] {
  return (after) => {
    const count = after?.members.filter(({ kind }) => kind === 'voter').length;
    return count === wished ? undefined : `The cluster has ${count} voters instead of ${wished}.`;
  };
}

export const operations: readonly OperationUnderTest[] = [
  {
    name: 'create',
    needs: 'nothing',
    isNewPassword: true,
    start: (tenant) => {
      const topology = { voters: 3 };
      const cluster = {
        name: newName(),
        datastore: { type: 'postgresql' },
        topology,
        placement: { survive: 'region' },
      };
      return tenant.change('POST', '/v2/clusters', { cluster });
    },
    complaint: voters(3),
  },
  {
    name: 'grow',
    needs: 3,
    start: (tenant, cluster) => tenant.change('PATCH', path(cluster), { cluster: { topology: { voters: 5 } } }),
    complaint: voters(5),
  },
  {
    name: 'shrink',
    needs: 5,
    start: (tenant, cluster) => tenant.change('PATCH', path(cluster), { cluster: { topology: { voters: 3 } } }),
    complaint: voters(3),
  },
  {
    name: 'switchover',
    needs: 3,
    start: (tenant, cluster) => tenant.change('POST', `${path(cluster)}/switchover`, {}),
    complaint: (after, before) =>
      primaryOf(after) === primaryOf(before) ? 'The primary is the same as before.' : undefined,
  },
  {
    name: 'resize',
    needs: 3,
    start: (tenant, cluster) => {
      const flavor = cluster?.flavor === 'small' ? 'medium' : 'small';
      return tenant.change('PATCH', path(cluster), { cluster: { flavor } });
    },
    complaint: (after, before) =>
      after?.flavor === before?.flavor ? `The flavor is still ${after?.flavor}.` : undefined,
  },
  {
    // With a restart of every member, one after another, and a switchover.
    name: 'parameter',
    needs: 3,
    start: (tenant, cluster) => {
      const value = cluster?.parameters?.max_locks_per_transaction === '128' ? '160' : '128';
      const parameters = { max_locks_per_transaction: value };
      return tenant.change('PATCH', path(cluster), { cluster: { parameters } });
    },
    complaint: (after, before) => {
      const [now, then] = [after, before].map((each) => each?.parameters?.max_locks_per_transaction);
      if (now === then) return `The parameter is still ${now}.`;
      const generation = after?.parameter_generation;
      const behind = after?.members.filter((member) => member.parameter_generation !== generation) ?? [];
      return behind.length === 0 ? undefined : `${behind.map(({ id }) => id).join(', ')} have not got it.`;
    },
  },
  {
    name: 'credentials',
    needs: 3,
    isNewPassword: true,
    start: (tenant, cluster) => tenant.change('POST', `${path(cluster)}/credentials`, {}),
    complaint: () => undefined,
  },
  {
    name: 'delete',
    needs: 3,
    start: (tenant, cluster) => tenant.change('DELETE', path(cluster)),
    complaint: (after) => (after === undefined ? undefined : 'The cluster is still there.'),
  },
];

function primaryOf(cluster: ClusterView | undefined): string | undefined {
  return cluster?.members.find(({ role }) => role === 'primary')?.id;
}
