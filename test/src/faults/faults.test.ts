import test from 'ava';
import { faultKinds } from './kinds.ts';
import { readOptions } from './options.ts';
import { returnsOf } from './returns.ts';
import { runFaults } from './run.ts';

const TEST_LIMIT_MS = 400_000;

test('random faults lose no acknowledged write', async (t) => {
  t.timeout(TEST_LIMIT_MS);
  const options = readOptions(['--count', '2', '--seed', '7', '--no-netns'], false);
  if (options === undefined) throw new Error('unreachable');

  const { faults, acknowledged, violations } = await runFaults(options, (line) => t.log(line));

  t.deepEqual(violations, []);
  t.is(faults, 2);
  t.true(acknowledged > 0);
});

test('a count, a time, and kinds of faults can be chosen', (t) => {
  t.like(readOptions([], true), { count: 20, limitMs: Number.POSITIVE_INFINITY, isNetworked: true });
  t.like(readOptions(['--hours', '0.5', '--no-netns'], true), {
    count: Infinity,
    limitMs: 1_800_000,
    isNetworked: false,
  });
  t.is(readOptions(['--help'], false), undefined);
  t.like(readOptions(['--delays'], true), { isOnlySlow: true, hasDisks: false });
  t.throws(() => readOptions(['--delays'], false), { message: /needs root/ });
  t.is(new Set(faultKinds.map(({ name }) => name)).size, faultKinds.length);
});

test('an old primary that copied the new one is told from one that went on', (t) => {
  const messages = [
    'Member 1 is primary no more. Its agent does not answer.',
    'Member 2 copied the primary anew.',
    'Member 1 was rewound.',
    'Member 2 is primary no more. Its agent does not answer.',
    'The election goes on without who is away. Nobody was elected.',
    'Member 2 copied the primary anew.',
    'Member 2 is primary no more. Its agent does not answer.',
  ];
  const kindOf = (message: string) =>
    /primary no more|election/.test(message) ? 'cluster.failover' : 'member.rejoined';
  const events = messages.map((message, index) => ({ id: index + 1, kind: kindOf(message), message }));

  t.deepEqual(returnsOf(events), { deposed: 3, copied: 1 });
});
