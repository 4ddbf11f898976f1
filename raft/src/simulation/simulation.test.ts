import test from 'ava';
import { addCounts, noCounts } from './coverage.ts';
import { main } from './main.ts';
import { runSeed } from './run-seed.ts';
import { simulate } from './simulate.ts';

const seeds = 12;
/** These twelve worlds see some of everything. */
const first = 6;

test(`in ${seeds} worlds of faults nothing is lost or contradicted, and each gets on when they end`, async (t) => {
  const total = noCounts();
  for (let seed = first; seed < first + seeds; seed += 1) {
    const { counts, violation } = await runSeed(seed);
    addCounts(total, counts);
    t.is(violation, undefined, `seed ${seed}`);
    t.true(counts.simulatedSeconds >= 60 && counts.unsyncedLosses >= 1, `seed ${seed} has seen too little`);
  }

  // A world in which nothing happens is safe and proves nothing.
  t.is(total.histories, seeds);
  t.is(total.undecidedHistories, 0);
  for (const name of [
    'elections',
    'partitions',
    'tornTails',
    'fsyncErrors',
    'fullDisks',
    'snapshotsInstalled',
    'snapshotsStreamed',
    'snapshotsResumed',
    'sessionCommands',
    'repeatsPassedOver',
    'kindsRefused',
    'membershipChanges',
    'transfers',
  ] as const) {
    t.true(total[name] > 0, name);
  }
  t.true(total.operations > seeds * 100, `only ${total.operations} operations`);
});

test('the same seed lives the same history, to the byte', async (t) => {
  const first: string[] = [];
  const second: string[] = [];

  const { trace } = await runSeed(10, (line) => first.push(line));
  const again = await runSeed(10, (line) => second.push(line));

  t.true(first.length > 1_000);
  t.is(first.join(''), second.join(''));
  t.is(again.trace, trace);
  t.not((await runSeed(9)).trace, trace);
});

test('the simulator finds bugs that others had, each in a few worlds, and says when it finds one not', async (t) => {
  const lines: string[] = [];
  const status = await main(['--mutants', '--seeds', '3', '--only', '1,8a,22a,24,26a'], (line) => lines.push(line));
  t.is(status, 0, lines.join('\n'));
  t.is(lines.at(-1), '5 of 5 mutants found, each in at most 3 seeds');
  t.regex(lines[1] ?? '', /^1 +\d+ +\d+\.\d {2}entries of earlier terms/);

  t.is(await main(['--mutants', '--seeds', '1', '--only', '19'], (line) => lines.push(line)), 1);
  t.regex(lines.at(-2) ?? '', /^19 +none /);
});

test('a range that is interrupted says how to go on with it', async (t) => {
  const lines: string[] = [];
  const stop = new AbortController();
  const print = (line: string) => lines.push(line);
  stop.abort();
  t.is(await simulate({ from: 5, seeds: 10, workers: 1, print, nowMs: () => 1, signal: stop.signal }), 0);
  t.regex(lines[0] ?? '', /--seed 5 --seeds 10$/);
});

test('the command tells of one seed its trace, and of a wrong option what is wrong', async (t) => {
  const lines: string[] = [];
  t.is(await main(['--seed', '10'], (line) => lines.push(line)), 0);
  t.regex(lines[0] ?? '', /^seed 10: trace [0-9a-f]{32}$/);
  t.regex(lines.at(-1) ?? '', /^0 violations; 1 seeds, .* seeds\/s/);
  await t.throwsAsync(main(['--seeds', 'many'], t.fail), { message: /--seeds is a whole number above 0/ });
});
