// An etcd cluster over three regions by the command line, with a writer beside it all the while: made, refused what it
// cannot do, a region lost and back, grown, shrunk, a parameter changed, a member replaced, all members lost at once and
// back, deleted.
import test from 'ava';
import {
  aLostMemberIsReplaced,
  allAreLostAtOnce,
  aRegionIsLost,
  begin,
  beside,
  end,
  refusals,
  resized,
} from './scene.ts';

const NAME = 'store';
const TEST_LIMIT_MS = 900_000;

test('etcd: three regions, one lost, grown, shrunk, replaced, all lost at once: no acknowledged write is lost', async (t) => {
  t.timeout(TEST_LIMIT_MS);
  const scene = await begin(t, { name: NAME, datastore: 'etcd', words: [] });
  await refusals(scene, [
    [/elects its own leader/, ['cluster', 'switchover', NAME]],
    [/nobody else may give up its writes/, ['cluster', 'failover', NAME, '--accept-data-loss']],
    [/must be odd/, ['cluster', 'grow', NAME, '--voters', '4']],
    [/must be 0/, ['cluster', 'grow', NAME, '--replicas', '1']],
    [/etcd has no users/, ['user', 'create', NAME, 'somebody']],
    [/a quorum of its own/, ['cluster', 'create', 'other', '--datastore', 'etcd', '--durability', 'async']],
  ]);
  const { status, body } = await scene.tenant.ask('POST', `/v2/clusters/${NAME}/credentials`, { body: {} });
  t.is(status, 409);
  t.regex(JSON.stringify(body), /keeps the password/);

  await beside(scene, 'volume', 'cluster', 'resize', NAME, '--volume', '2');
  await aRegionIsLost(scene);
  await resized(scene, 'grow', 5);
  await resized(scene, 'shrink', 3);
  await beside(scene, 'parameter', 'parameter', 'set', NAME, 'max-txn-ops=256');
  await aLostMemberIsReplaced(scene, 'dead');
  await aLostMemberIsReplaced(scene, 'empty');
  await allAreLostAtOnce(scene);
  await end(scene);
});
