import type { Accounts } from '@argosy/datastores';
import test from 'ava';
import { plan } from '../planning/cluster.ts';
import { carryOut, first, made } from '../planning/cluster-for-tests.ts';
import { backTo, withDatabase, withGrant, withoutDatabase, withoutUser, withUser } from './accounts.ts';
import type { Cluster } from './clusters.ts';

const NONE: Accounts = { generation: 0, users: [], databases: [], gone: { users: [], databases: [] } };
const app = { name: 'app', verifier: 'v', grants: [{ database: 'orders', privilege: 'write' }] };

function steps(cluster: Cluster, accounts: Accounts): string[] {
  return plan({ ...cluster, accounts }).map(({ id }) => id);
}

test('every change raises the generation, and what is wished no more is named as gone', (t) => {
  const whole = withUser(withDatabase(NONE, 'orders'), app);
  t.is(whole.generation, 2);

  const without = withoutDatabase(whole, 'orders');
  t.like(without, { generation: 3, databases: [], gone: { users: [], databases: ['orders'] } });
  t.deepEqual(without.users[0]?.grants, [], 'what was granted in it goes with it');
  t.deepEqual(withoutUser(without, 'app').gone, { users: ['app'], databases: ['orders'] });
  t.deepEqual(withDatabase(without, 'orders').gone, { users: [], databases: [] }, 'made anew, it is not gone');
});

test('a grant takes the place of another in the same database', (t) => {
  t.deepEqual(withGrant(app.grants, { database: 'orders', privilege: 'read' }), [
    { database: 'orders', privilege: 'read' },
  ]);
});

test('a change that comes to nothing is taken back by name, so that nothing else is touched', (t) => {
  const before = withDatabase(NONE, 'orders');
  const current = withUser(before, app);

  const back = backTo(before, current);

  t.like(back, { generation: 3, users: [], databases: [{ name: 'orders' }] });
  t.deepEqual(back?.gone, { users: ['app'], databases: [] });
  t.deepEqual(backTo(undefined, current)?.gone, { users: ['app'], databases: ['orders'] });
});

test('the primary alone is told where the others copy it, and a new primary is told again', (t) => {
  const whole = made(3);
  const accounts = withDatabase(NONE, 'orders');

  t.deepEqual(steps(whole, accounts), ['set_accounts/1/1']);
  const { end } = carryOut({ ...whole, accounts }, first);
  t.deepEqual(plan(end), []);
  const switched = carryOut({ ...end, wantedPrimary: { ordinal: 2, epoch: end.epoch } }, first);
  t.is(switched.done.at(-1), 'set_accounts/2/1');
});

test('what is gone is forgotten once it has been told', (t) => {
  const whole = made(3);
  const accounts = withoutUser(withUser(NONE, app), 'app');

  const { end } = carryOut({ ...whole, accounts }, first);

  t.deepEqual(end.accounts?.gone, { users: [], databases: [] });
  t.is(end.accounts?.generation, 2);
});
