// An etcd cluster over three regions by the command line, with a writer beside it all the while: made, refused what it
// cannot do, a region lost and back, grown, shrunk, a parameter changed, a member replaced, all members lost at once and
// back, deleted.
import { ruledFixtures } from '@argosy/datastores/contract';
import test from 'ava';
import { Trial } from '../continuity/trial.ts';
import { isLong, RuledTrial } from './ruled-trial.ts';

const NAME = 'store';
const TEST_LIMIT_MS = 900_000;

test('etcd: three regions, one lost, grown, shrunk, replaced, all lost at once: no acknowledged write is lost', async (t) => {
  t.timeout(TEST_LIMIT_MS);
  const trial = await Trial.begin(t, NAME, '--datastore', 'etcd', '--voters', '3');
  const ruled = await RuledTrial.begin(trial, ruledFixtures.etcd);

  await whatItCannotDoIsRefused(trial);
  // Before a region is lost: its cloud takes guests that come back by another hand for none of its own.
  if (isLong) await ruled.changes('volume', 'cluster', 'resize', NAME, '--volume', '2');
  await ruled.losesARegion();
  await ruled.replacesOne('empty');
  if (isLong) {
    await ruled.sizes(5, 'cluster', 'grow', NAME, '--voters', '5');
    await ruled.sizes(3, 'cluster', 'shrink', NAME, '--voters', '3');
    await ruled.changes('parameter', 'parameter', 'set', NAME, 'max-txn-ops=256');
    await ruled.replacesOne('dead');
  }
  await ruled.losesAllAtOnce();
  await ruled.ends();
});

async function whatItCannotDoIsRefused(trial: Trial): Promise<void> {
  await trial.refuses(/elects its own leader/, 'cluster', 'switchover', NAME);
  await trial.refuses(/nobody else may give up its writes/, 'cluster', 'failover', NAME, '--accept-data-loss');
  await trial.refuses(/must be odd/, 'cluster', 'grow', NAME, '--voters', '4');
  await trial.refuses(/must be 0/, 'cluster', 'grow', NAME, '--replicas', '1');
  await trial.refuses(
    /give the third region a voter/,
    'cluster',
    'create',
    'other',
    ...['--datastore', 'etcd', '--voters', '2', '--arbiters', '1'],
  );
  await trial.refuses(/etcd has no users/, 'user', 'create', NAME, 'somebody');
  const other = ['cluster', 'create', 'other', '--datastore', 'etcd', '--durability', 'async'];
  await trial.refuses(/a quorum of its own/, ...other);
  const { status, body } = await trial.tenant.ask('POST', `/v2/clusters/${NAME}/credentials`, { body: {} });
  trial.t.is(status, 409);
  trial.t.regex(JSON.stringify(body), /keeps the password/);
}
