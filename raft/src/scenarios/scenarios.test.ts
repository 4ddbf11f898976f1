import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { runScenario } from './run-scenarios.ts';

const folder = fileURLToPath(new URL('../../testdata/', import.meta.url));

for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort()) {
  if (!name.endsWith('.txt')) continue;
  test(`${name} comes out as in etcd`, (t) => {
    const { passed, failures } = runScenario(folder + name, readFileSync(folder + name, 'utf8'));

    t.deepEqual(failures, []);
    t.true(passed > 0);
  });
}

test('a directive whose output differs fails, and says how', (t) => {
  const { passed, failures } = runScenario('quorum/x.txt', 'vote cfg=(1) votes=(y)\n----\nVoteLost\n');

  t.is(passed, 0);
  t.is(failures[0]?.difference, '- VoteLost\n+ VoteWon');
});

test('an unknown directive fails, whatever it expects', (t) => {
  const { failures } = runScenario('interaction/x.txt', 'do-something 1\n----\nunknown directive do-something\n');

  t.is(failures.length, 1);
});

test('log lines need not match, and everything else must', (t) => {
  const text = 'add-nodes 1 voters=(1) index=3\n----\nINFO whatever\n\nraft-state\n----\nDEBUG more\n1: StateLeader\n';

  const { passed, failures } = runScenario('interaction/x.txt', text);

  t.is(passed, 1);
  t.is(failures[0]?.line, 5);
});
