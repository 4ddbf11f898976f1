// A Galera cluster over three regions by the command line, with a writer beside it all the while: made, refused what it
// cannot do, users and parameters, a region lost and back, grown, shrunk, a member replaced, all members lost at once and
// back: by themselves, and begun anew from the one that has the most; deleted.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { clusterOf } from '../continuity/clusters.ts';
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

const NAME = 'shop';
const TEST_LIMIT_MS = 1_500_000;
const MARIADB = ['cluster', 'create', 'other', '--datastore', 'mariadb'] as const;

test('Galera: three regions, one lost, grown, shrunk, replaced, all lost at once and begun anew', async (t) => {
  t.timeout(TEST_LIMIT_MS);
  const scene = await begin(t, { name: NAME, datastore: 'mariadb', words: ['--topology', 'galera'] });
  await refusals(scene, [
    [/Did you mean "galera"/, [...MARIADB, '--topology', 'galere']],
    [/does not go with topology.mode "galera"/, [...MARIADB, '--topology', 'galera', '--durability', 'quorum']],
    [/must be odd/, [...MARIADB, '--topology', 'galera', '--voters', '2']],
    [/must be 0/, [...MARIADB, '--topology', 'galera', '--arbiters', '1']],
    [/elects its own leader/, ['cluster', 'switchover', NAME]],
    [/how the members of a group agree/, ['parameter', 'set', NAME, 'wsrep_on=off']],
  ]);
  await beside(scene, 'database', 'database', 'create', NAME, 'stock');
  await beside(scene, 'user', 'user', 'create', NAME, 'app', '--grant', 'stock=write');
  await beside(scene, 'volume', 'cluster', 'resize', NAME, '--volume', '2');
  await aRegionIsLost(scene);
  await resized(scene, 'grow', 5);
  await resized(scene, 'shrink', 3);
  await beside(scene, 'parameter', 'parameter', 'set', NAME, 'sort_buffer_size=4MB');
  await beside(scene, 'parameter, restart', 'parameter', 'set', NAME, 'innodb_ft_min_token_size=4');
  await aLostMemberIsReplaced(scene, 'dead');
  await aLostMemberIsReplaced(scene, 'empty');
  await allAreLostAtOnce(scene);
  const { epoch } = await clusterOf(scene.tenant, NAME);
  // Without the engine's own notes of who was there last, none of them goes on by itself.
  await allAreLostAtOnce(scene, (volume) => rmSync(join(volume, 'data', 'gvwstate.dat')));
  t.true((await clusterOf(scene.tenant, NAME)).epoch > epoch);
  await end(scene);
});
