// A MariaDB cluster of three regions as real processes, by the command line, with a writer beside it from the first moment
// to the last: it is made, hands over, loses the region of its primary, takes other parameters, grows, shrinks, has users
// and databases, and is deleted without a trace. No acknowledged write may be missing at any time.
import { fixtures } from '@argosy/datastores/contract';
import test from 'ava';
import { primaryOf } from './clusters.ts';
import { NumberWriter } from './number-writer.ts';
import { Trial } from './trial.ts';

const NAME = 'shop';
const TEST_LIMIT_MS = 480_000;
const WRITES = 50;

test('mariadb: three regions, a switchover, a lost region, other parameters and sizes: every acknowledged write is there', async (t) => {
  t.timeout(TEST_LIMIT_MS);
  const trial = await Trial.begin(t, NAME, '--datastore', 'mariadb', '--survive', 'region');
  const writer = new NumberWriter(trial, fixtures.mariadb);
  await writer.write(WRITES);
  const changes = async (what: string, ...words: readonly string[]): Promise<void> => {
    await trial.changes(writer, WRITES, what, ...words);
    t.deepEqual(await writer.missing(), [], what);
  };

  const target = trial.made.members.find(({ role }) => role !== 'primary')?.id ?? '';
  await changes('a switchover', 'cluster', 'switchover', NAME, '--to', target);
  t.is((await trial.primary()).id, target);
  await loseRegion(trial, writer);
  await changes('a live parameter', 'parameter', 'set', NAME, 'max_heap_table_size=32MB');
  await changes('one with a restart', 'parameter', 'set', NAME, 'innodb_ft_min_token_size=2');
  await changes('one member more', 'cluster', 'grow', NAME, '--replicas', '1');
  await changes('one member less', 'cluster', 'shrink', NAME, '--replicas', '0');
  await changes('a database', 'database', 'create', NAME, 'goods_1');
  await changes('a user', 'user', 'create', NAME, 'app', '--grant', 'goods_1=write');
  await changes('no user', 'user', 'delete', NAME, 'app');
  await changes('no database', 'database', 'delete', NAME, 'goods_1');
  const many = /at most 3: MariaDB waits for one replica and has no count/;
  await trial.refuses(many, 'cluster', 'grow', NAME, '--voters', '5');

  await writer.end();
  t.deepEqual(await writer.missing(), []);
  t.log(`${writer.acknowledged.length} acknowledged writes, 0 lost`);
  await trial.ends();
});

async function loseRegion(trial: Trial, writer: NumberWriter): Promise<void> {
  const { t } = trial;
  const { epoch, members } = await trial.cluster();
  const lost = primaryOf({ members });
  const beforeMs = performance.now();
  const giveBack = trial.guests.cutRegion(lost.region);
  await writer.write(WRITES);
  t.log(`region lost: RTO ${Math.round(writer.longestPauseMs(beforeMs))} ms as the writer saw it`);
  t.deepEqual(await writer.missing(), [], 'a failover loses nothing');
  giveBack();
  const after = await trial.whole(epoch + 1);
  t.not(primaryOf(after).id, lost.id);
  t.is(after.members.find(({ id }) => id === lost.id)?.status, 'UP', 'it is a member again');
  t.deepEqual(await writer.missing(), []);
}
