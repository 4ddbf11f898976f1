// A Galera cluster over three regions by the command line, with a writer beside it all the while: made, refused what it
// cannot do, users and parameters, a region lost and back, grown, shrunk, a member replaced, all members lost at once and
// back: by themselves, and begun anew from the one that has the most; deleted.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { ruledFixtures } from '@argosy/datastores/contract';
import test from 'ava';
import { Trial } from '../continuity/trial.ts';
import { isLong, RuledTrial } from './ruled-trial.ts';

const NAME = 'shop';
const TEST_LIMIT_MS = 1_500_000;

test('Galera: three regions, one lost, grown, shrunk, replaced, all lost at once and begun anew', async (t) => {
  t.timeout(TEST_LIMIT_MS);
  const trial = await Trial.begin(t, NAME, '--datastore', 'mariadb', '--topology', 'galera', '--voters', '3');
  const ruled = await RuledTrial.begin(trial, ruledFixtures.mariadb);

  await whatItCannotDoIsRefused(trial);
  // Before a region is lost: its cloud takes guests that come back by another hand for none of its own.
  if (isLong) await ruled.changes('volume', 'cluster', 'resize', NAME, '--volume', '2');
  await ruled.losesARegion();
  await ruled.replacesOne('dead');
  if (isLong) {
    await ruled.changes('database', 'database', 'create', NAME, 'stock');
    await ruled.changes('user', 'user', 'create', NAME, 'app', '--grant', 'stock=write');
    await ruled.sizes(5, 'cluster', 'grow', NAME, '--voters', '5');
    await ruled.sizes(3, 'cluster', 'shrink', NAME, '--voters', '3');
    await ruled.changes('parameter', 'parameter', 'set', NAME, 'sort_buffer_size=4MB');
    await ruled.changes('parameter, restart', 'parameter', 'set', NAME, 'innodb_ft_min_token_size=4');
    await ruled.replacesOne('empty');
    await ruled.losesAllAtOnce();
  }
  const { epoch } = await trial.cluster();
  // Without the engine's own notes of who was there last, none of them goes on by itself.
  await ruled.losesAllAtOnce((volume) => rmSync(join(volume, 'data', 'gvwstate.dat')));
  t.true((await trial.cluster()).epoch > epoch);
  await ruled.ends();
});

async function whatItCannotDoIsRefused(trial: Trial): Promise<void> {
  const other = ['cluster', 'create', 'other', '--datastore', 'mariadb'];
  const galera = [...other, '--topology', 'galera'];
  await trial.refuses(/Did you mean "galera"/, ...other, '--topology', 'galere');
  await trial.refuses(/does not go with topology.mode "galera"/, ...galera, '--durability', 'quorum');
  await trial.refuses(/must be odd/, ...galera, '--voters', '2');
  await trial.refuses(/must be 0 beside 3 voters/, ...galera, '--arbiters', '1');
  await trial.refuses(/elects its own leader/, 'cluster', 'switchover', NAME);
  await trial.refuses(/how the members of a group agree/, 'parameter', 'set', NAME, 'wsrep_on=off');
}
