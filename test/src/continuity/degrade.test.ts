// A quorum cluster of two voters and an arbiter whose tenant chose fewer copies rather than none, as real processes: the
// region of the other voter is lost, then that of the primary, and writes go on each time; none that was acknowledged is
// missing, and whoever returns counts again.
import test from 'ava';
import { waitUntil } from '../crash-matrix/waiting.ts';
import { primaryOf } from './clusters.ts';
import { Trial } from './trial.ts';
import { Writer } from './writer.ts';

const NAME = 'degrading';
const TEST_LIMIT_MS = 240_000;
/** Generous: the machine of the test may do much else. */
const STEP_LIMIT_MS = 90_000;
const WRITES = 50;
const WISH = [
  ...['--datastore', 'postgresql', '--voters', '2', '--arbiters', '1', '--survive', 'region'],
  ...['--durability', 'quorum', '--on-loss', 'degrade'],
];

test('two regions that degrade: either is lost and writes go on, with none lost, and it counts again on its return', async (t) => {
  t.timeout(TEST_LIMIT_MS);
  const trial = await Trial.begin(t, NAME, ...WISH);
  const writer = Writer.of(trial);
  const more = async (what: string): Promise<void> => {
    const begin = writer.acknowledged.length;
    await waitUntil(what, STEP_LIMIT_MS, () => writer.acknowledged.length >= begin + WRITES);
  };

  for (const whose of ['replica', 'primary'] as const) {
    const before = await trial.whole();
    const lost = before.members.find(({ kind, role }) => kind === 'voter' && role === whose);
    if (lost === undefined) throw new Error(`The cluster has no ${whose}.`);
    await more('writes come');
    const giveBack = trial.guests.cutRegion(lost.region);
    const cutMs = performance.now();
    const isWritten = (): boolean => (writer.acknowledged.at(-1)?.atMs ?? 0) > cutMs + 1_000;
    await waitUntil(`writes go on without the ${whose}`, STEP_LIMIT_MS, isWritten);
    await more('more writes come');
    t.log(`region of the ${whose} killed: ${writer.longestPauseMs(cutMs)} ms without an acknowledged write`);
    const degraded = await trial.cluster();
    t.not(primaryOf(degraded).id, whose === 'primary' ? lost.id : '');
    t.is(degraded.epoch, whose === 'primary' ? before.epoch + 1 : before.epoch);

    giveBack();
    const after = await trial.whole();
    t.deepEqual(await writer.lost(), [], `after the loss of the ${whose}`);
    t.is(after.members.filter(({ role }) => role === 'replica').length, 1);
  }
  const told = await trial.told(/degraded|failover|rule/);
  t.true(told.some(({ kind }) => kind === 'cluster.degraded'));
  t.deepEqual(await writer.missing(), []);
  t.log(`${writer.acknowledged.length} acknowledged writes, none lost`);
});
