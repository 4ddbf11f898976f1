import { datastores, definitionFor } from '@argosy/datastores';
import test from 'ava';
import { changeSpec } from './changed-cluster.ts';
import { ApiError } from './errors.ts';
import { readNewCluster } from './new-cluster.ts';

function read(type: string, wish: object) {
  return readNewCluster({ cluster: { name: 'orders', datastore: { type }, ...wish } }, datastores).spec;
}

function refusal(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof ApiError) return error.message;
  }
  return '';
}

test('who is primary says how it commits', (t) => {
  const galera = read('mariadb', { topology: { mode: 'galera' } });
  t.is(galera.durability.mode, 'engine');
  t.deepEqual(galera.topology, { voters: 3, replicas: 0, arbiters: 0, mode: 'galera' });
  t.deepEqual(read('mariadb', { durability: { mode: 'engine' } }), galera);
  t.deepEqual(read('mariadb', { topology: { mode: 'galera' }, durability: { mode: 'engine' } }), galera);
});

test('without a mode a datastore has its first, and nothing is said of it', (t) => {
  const elected = read('mariadb', {});
  t.is(elected.durability.mode, 'quorum');
  t.false('mode' in elected.topology);
  t.deepEqual(read('mariadb', { topology: { mode: 'primary_and_replicas' } }), elected);
  t.deepEqual(read('etcd', { topology: { mode: 'engine_ruled' } }), read('etcd', {}));
});

test('a mode that a datastore does not have is refused with the nearest, and one that contradicts with the reason', (t) => {
  t.regex(
    refusal(() => read('mariadb', { topology: { mode: 'galerra' } })),
    /Did you mean "galera"/,
  );
  t.regex(
    refusal(() => read('postgresql', { topology: { mode: 'galera' } })),
    /there is primary_and_replicas/,
  );
  const both = (mode: string, durability: string) => () =>
    read('mariadb', { topology: { mode }, durability: { mode: durability } });
  t.regex(refusal(both('galera', 'quorum')), /does not go with topology\.mode "galera"/);
  t.regex(refusal(both('primary_and_replicas', 'engine')), /Argosy elects/);
  t.regex(
    refusal(() => read('mariadb', { topology: { mode: 'galera', voters: 2 } })),
    /must be odd/,
  );
  t.regex(
    refusal(() => read('mariadb', { topology: { mode: 'galera', voters: 3, arbiters: 1 } })),
    /must be 0 beside 3 voters/,
  );
});

test('an arbiter of the engine makes an even number of voters odd, where the engine has one', (t) => {
  for (const voters of [2, 4, 6]) {
    const { topology, placement } = read('mariadb', { topology: { mode: 'galera', voters, arbiters: 1 } });
    t.deepEqual([topology.voters, topology.arbiters, placement.survive], [voters, 1, 'region']);
  }
  const galera = { mode: 'galera', voters: 2, arbiters: 1 };
  t.regex(
    refusal(() => read('mariadb', { topology: { ...galera, replicas: 1 } })),
    /must be 0: the engine rules itself/,
  );
  t.regex(
    refusal(() => read('mariadb', { topology: { ...galera, voters: 1 } })),
    /must be 0 beside one voter/,
  );
  t.regex(
    refusal(() => read('mariadb', { topology: { mode: 'galera', voters: 2 } })),
    /must be odd.*with `arbiters: 1`/,
  );
  for (const voters of [2, 3]) {
    t.regex(
      refusal(() => read('etcd', { topology: { voters, arbiters: 1 } })),
      /etcd rules itself, and each of its members holds data; give the third region a voter/,
    );
  }
  const known = datastores.find('mariadb');
  if (known === undefined) throw new Error('There is no MariaDB.');
  const change = (wish: object) =>
    changeSpec(read('mariadb', { topology: galera }), { cluster: wish }, definitionFor(known, 'engine')).topology;
  t.deepEqual(change({ topology: { voters: 3, arbiters: 0 } }), { ...galera, voters: 3, arbiters: 0, replicas: 0 });
  t.regex(
    refusal(() => change({ topology: { arbiters: 0 } })),
    /must be odd/,
  );
});

test('five voters are too many for a primary of MariaDB, and not for its engine', (t) => {
  t.regex(
    refusal(() => read('mariadb', { topology: { voters: 5 } })),
    /must be at most 3/,
  );
  t.is(read('mariadb', { topology: { mode: 'galera', voters: 5 } }).topology.voters, 5);
});

test('the mode stays, and what the engine sets is no parameter of it', (t) => {
  const spec = read('mariadb', { topology: { mode: 'galera' } });
  const known = datastores.find('mariadb');
  if (known === undefined) throw new Error('There is no MariaDB.');
  const definition = definitionFor(known, spec.durability.mode);
  const change = (wish: object) => () => changeSpec(spec, { cluster: wish }, definition);
  t.is(change({ topology: { voters: 5 } })().topology.mode, 'galera');
  t.regex(refusal(change({ topology: { mode: 'primary_and_replicas' } })), /cannot be changed/);
  t.regex(refusal(change({ parameters: { innodb_autoinc_lock_mode: '1' } })), /members of a group agree/);
  t.is(change({ parameters: { sort_buffer_size: '4MB' } })().parameters?.values.sort_buffer_size, '4MB');
});
