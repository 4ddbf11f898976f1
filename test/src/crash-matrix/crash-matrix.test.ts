import test from 'ava';
import { together } from './cells.ts';
import { runMatrix, tableOf } from './matrix.ts';

/** No further kill is begun after this; the whole takes some 90 s. */
const LIMIT_MS = 60_000;

test('a cluster is made and removed whole when any process is killed at any step', async (t) => {
  t.timeout(10 * 60_000);
  const lines: string[] = [];

  const results = await runMatrix({
    ...{ sample: 8, seed: 20_260_101, together: 4, cell: undefined, operations: ['create', 'delete'] },
    ...{ keepsFailed: false, limitMs: LIMIT_MS },
    say: (line) => lines.push(line),
  });

  for (const line of [...lines, ...tableOf(results)]) t.log(line);
  t.true(results.some(({ outcome }) => outcome === 'ok'));
  t.deepEqual(
    results.filter(({ outcome }) => outcome === 'failed').map(({ name, reason }) => `${name}: ${reason}`),
    [],
  );
});

test('kills that are made together are of one operation, two at a step at most, and three of a kind of process', (t) => {
  const kill = (operation: string, step: string, victim: 'leader' | 'agent' | 'executor') =>
    ({ operation, step, victim, point: { process: victim, name: 'received', step }, count: 1 }) as const;
  const kills = [
    ...[kill('create', 'seed', 'agent'), kill('create', 'seed', 'leader'), kill('create', 'seed', 'executor')],
    ...[kill('create', 'open', 'leader'), kill('create', 'open', 'leader'), kill('create', 'follow', 'leader')],
    ...[kill('create', 'elect', 'leader'), kill('delete', 'open', 'agent')],
  ];

  const groups = together(kills, 4).map((group) => group.map(({ step, victim }) => `${step}/${victim}`));
  t.deepEqual(groups, [
    ['seed/agent', 'seed/leader', 'open/leader', 'follow/leader'],
    ['seed/executor', 'open/leader', 'elect/leader'],
    ['open/agent'],
  ]);
});
