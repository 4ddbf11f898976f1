// An asynchronous cluster in two regions with an arbiter in a third, as real processes: the primary's whole region dies,
// the other takes the writes by itself once nobody can acknowledge there any more, and what is lost is no older than the
// bound; the dead member comes back, and tells what it had too much.
import test from 'ava';
import { waitUntil } from '../crash-matrix/waiting.ts';
import { primaryOf } from './clusters.ts';
import { Trial } from './trial.ts';
import { Writer } from './writer.ts';

const NAME = 'ledger';
const TEST_LIMIT_MS = 240_000;
/** Generous: the machine of the test may do much else. */
const FAILOVER_LIMIT_MS = 60_000;
const WRITES_BEFORE = 50;
const RPO_SECONDS = 2;
const WISH = [
  ...['--datastore', 'postgresql', '--voters', '2', '--arbiters', '1', '--survive', 'region'],
  ...['--durability', 'async', '--rpo', String(RPO_SECONDS), '--on-replica-loss', 'expose'],
];
/** Between an answer and its being seen here. */
const SEEN_MS = 100;

test('two regions and an arbiter: what a failover loses is no older than the bound, and each side comes back', async (t) => {
  t.timeout(TEST_LIMIT_MS);
  const trial = await Trial.begin(t, NAME, ...WISH);
  t.deepEqual(trial.made.members.map(({ kind }) => kind).sort(), ['arbiter', 'voter', 'voter']);
  const writer = Writer.of(trial);

  for (const what of ['region killed', 'the other region killed']) {
    const before = await trial.cluster();
    const primary = primaryOf(before);
    const begin = writer.acknowledged.length;
    await waitUntil('writes come', FAILOVER_LIMIT_MS, () => writer.acknowledged.length > begin + WRITES_BEFORE);
    const giveBack = trial.guests.cutRegion(primary.region);
    const killedMs = performance.now();
    const isWritten = (): boolean => (writer.acknowledged.at(-1)?.atMs ?? 0) > killedMs + 200;
    await waitUntil('the other takes writes', FAILOVER_LIMIT_MS, isWritten);
    t.log(`${what}: RTO ${writer.longestPauseMs(killedMs)} ms as the writer saw it`);
    giveBack();
    t.not(primaryOf(await trial.whole(before.epoch + 1)).id, primary.id);
    const lost = await writer.lost();
    const oldest = lost.filter(({ atMs }) => atMs < killedMs - RPO_SECONDS * 1_000 - SEEN_MS);
    t.deepEqual(oldest, []);
    t.log(`${what}: ${writer.acknowledged.length} acknowledged writes, ${lost.length} lost`);
  }
  const told = await trial.told(/failover|rejoined|primary/);
  const bounds = told.filter(({ message }) => message.includes(`of the last ${RPO_SECONDS} s`));
  t.is(bounds.length, 2);
});
