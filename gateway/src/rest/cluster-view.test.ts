import { datastores } from '@argosy/datastores';
import test from 'ava';
import { carryOut, cluster, first } from '../planning/cluster-for-tests.ts';
import type { Cluster } from '../state/clusters.ts';
import { Federation } from '../state/federation.ts';
import { NOTHING_HEARD, viewCluster } from './cluster-view.ts';

const ENGINE = { datastore: { type: 'mariadb', version: '10.11' }, durability: { mode: 'engine' } } as const;

function shown(state: Cluster) {
  const federation = Federation.of({ clusters: [state], operations: [] });
  return viewCluster(state, { federation, datastores }, NOTHING_HEARD);
}

test("an engine's arbiter is shown as one: being built until it has joined, then up as the engine's members say", (t) => {
  const wished = cluster(['voter', 'voter', 'arbiter']);
  const seen: string[] = [];
  const { end } = carryOut({ ...wished, spec: { ...wished.spec, ...ENGINE } }, first, (state) => {
    seen.push(shown(state).members[2]?.status ?? '');
  });
  t.deepEqual([...new Set(seen)], ['BUILD', 'UP']);
  t.deepEqual(
    shown(end).members.map(({ kind, role }) => [kind, role]),
    [
      ['voter', 'primary'],
      ['voter', 'primary'],
      ['arbiter', 'arbiter'],
    ],
  );
  const members = end.members.map((member) =>
    member.kind === 'arbiter' ? { ...member, facts: { ...member.facts, isUp: false } } : member,
  );
  t.is(shown({ ...end, members }).members[2]?.status, 'DOWN');
});
