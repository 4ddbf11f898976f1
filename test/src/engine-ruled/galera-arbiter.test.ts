// A Galera cluster of two data regions with its arbiter in a third by the command line, with a writer beside it all the
// while: made, the region of a member with data lost and back, that of the arbiter too, all lost at once and begun anew
// without the arbiter, members replaced, a third one with data in the arbiter's place and back, deleted.
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { ruledFixtures } from '@argosy/datastores/contract';
import test from 'ava';
import { Trial } from '../continuity/trial.ts';
import { isLong, RuledTrial } from './ruled-trial.ts';

const NAME = 'shop';
const TEST_LIMIT_MS = 900_000;
const WISH = ['--datastore', 'mariadb', '--topology', 'galera', '--voters', '2', '--arbiters', '1'];

test('Galera in two regions with its arbiter in a third: each lost and back, no acknowledged write lost', async (t) => {
  t.timeout(TEST_LIMIT_MS);
  const trial = await Trial.begin(t, NAME, ...WISH);
  t.deepEqual(trial.made.members.map(({ kind }) => kind).sort(), ['arbiter', 'voter', 'voter']);
  const ruled = await RuledTrial.begin(trial, ruledFixtures.mariadb);
  t.regex(await trial.says('cluster', 'show', NAME), /2 voters, 1 arbiter \(galera\)/);
  const arbiter = trial.made.members.find(({ kind }) => kind === 'arbiter');
  t.false(JSON.stringify(trial.made.endpoints).includes(`${arbiter?.address}:`));

  // Before a region is lost: its cloud takes guests that come back by another hand for none of its own.
  if (isLong) await ruled.changes('volume', 'cluster', 'resize', NAME, '--volume', '2');
  await ruled.losesARegion('voter');
  if (isLong) {
    await ruled.losesARegion('arbiter');
    await ruled.replacesOne('dead', 'arbiter');
    await ruled.replacesOne('empty', 'arbiter');
    await ruled.replacesOne('dead', 'voter');
    await ruled.changes('user', 'user', 'create', NAME, 'app');
    await ruled.changes('parameter, restart', 'parameter', 'set', NAME, 'innodb_ft_min_token_size=4');
    await ruled.changes('three with data', 'cluster', 'grow', NAME, '--voters', '3', '--arbiters', '0');
    await ruled.changes('an arbiter again', 'cluster', 'shrink', NAME, '--voters', '2', '--arbiters', '1');
    await ruled.losesAllAtOnce();
    const { epoch } = await trial.cluster();
    await ruled.losesAllAtOnce((volume) => {
      const note = join(volume, 'data', 'gvwstate.dat');
      if (existsSync(note)) rmSync(note);
    });
    t.true((await trial.cluster()).epoch > epoch);
  }
  await ruled.ends();
});
