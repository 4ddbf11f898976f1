import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { addCounts, noCounts } from './counts.ts';
import { main } from './main.ts';
import { mutants } from './mutants.ts';
import { runSeed } from './run-seed.ts';
import { playScript, scripts } from './scripts.ts';

const FIRST = 1;
const SEEDS = 5;

test(`in ${SEEDS} worlds of faults no acknowledged write is lost, and each comes to rest`, async (t) => {
  const total = noCounts();
  for (let seed = FIRST; seed < FIRST + SEEDS; seed += 1) {
    const { counts, violation } = await runSeed(seed);
    addCounts(total, counts);
    t.is(violation, undefined, `seed ${seed}`);
    t.true(counts.simulatedSeconds >= 60 && counts.faults >= 3, `seed ${seed} has seen too little`);
  }

  // A world in which nothing happens is safe and proves nothing.
  t.true(total.elections > 2 * SEEDS, `only ${total.elections} elections`);
  t.true(total.acknowledged > 100 * SEEDS, `only ${total.acknowledged} writes`);
});

test('the same seed lives the same history, to the byte', async (t) => {
  const first: string[] = [];
  const second: string[] = [];

  const { trace } = await runSeed(2, (line) => first.push(line));
  const again = await runSeed(2, (line) => second.push(line));

  t.true(first.length > 100);
  t.is(first.join(''), second.join(''));
  t.is(again.trace, trace);
  t.not((await runSeed(3)).trace, trace);
});

test('every trace that loses a write without one of the rules ends well with them', async (t) => {
  for (const [name, script] of Object.entries(scripts)) t.is(await playScript(script), undefined, name);
});

test('the text of every bug that is taken out is in the code, once', (t) => {
  const root = fileURLToPath(new URL('../../..', import.meta.url));
  const packages = ['gateway', 'images', 'datastores', 'regions'];
  const words = (text: string): string => text.split(/\s+/).join(' ');
  for (const { bug, edits } of mutants) {
    for (const { file, find } of edits) {
      const paths = packages.map((name) => join(root, name, 'dist', file)).filter(existsSync);
      const places = paths.map((path) => words(readFileSync(path, 'utf8')).split(words(find.trim())).length - 1);
      t.deepEqual(places, [1], `${bug}: ${file}: ${find}`);
    }
  }
});

test('the simulator finds bugs that it is given, and says when it finds one not', async (t) => {
  const lines: string[] = [];

  t.is(
    await main(['--mutants', '--workers', '2', '--only', '2,10,13'], (line) => lines.push(line)),
    0,
    lines.join('\n'),
  );

  t.is(lines.at(-1), '3 of 3 mutants found');
  t.regex(
    lines.join('\n'),
    /^2 +aloneIsNotEnough +\d+\.\d {2}any promise is enough to elect: .* without 1 acknowledged/m,
  );
  t.is(await main(['--mutants', '--random', '--seeds', '1', '--only', '6'], (line) => lines.push(line)), 1);
  t.regex(lines.at(-2) ?? '', /^6 +nothing /);
});

test('the command tells of one seed its trace, and of a wrong option what is wrong', async (t) => {
  const lines: string[] = [];

  t.is(await main(['--seed', '2'], (line) => lines.push(line)), 0);

  t.regex(lines[0] ?? '', /^seed 2: trace [0-9a-f]{32}$/);
  t.regex(lines.at(-1) ?? '', /^0 violations in 1 seeds; .* seeds\/s$/);
  await t.throwsAsync(main(['--seeds', 'many'], t.fail), { message: /--seeds is a whole number above 0/ });
});
