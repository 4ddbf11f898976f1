import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '@argosy/proto';
import test from 'ava';
import { newTestFolder } from '../cli/folder-for-tests.ts';
import { Children, type ChildSpec } from './children.ts';
import { rotateLog, tailOf } from './logs.ts';

const quick = { firstMs: 10, longestMs: 40, failedStartMs: 10_000, failedStarts: 3 };

function childSpec(script: string): ChildSpec {
  const logFile = join(newTestFolder(), 'child.log');
  return { name: 'child', command: ['-e', script], logFile };
}

test('a child that fails at each start is given up, and its log says why', async (t) => {
  const spec = childSpec('console.error("no such port"); process.exit(3)');
  const delays: number[] = [];

  const how = await new Promise<string>((resolve) => {
    const children = new Children({
      clock: systemClock,
      environment: process.env,
      onStarted: () => undefined,
      onEnded: (_name, _how, againInMs) => delays.push(againInMs),
      onGivenUp: (_spec, reason) => resolve(reason),
      backoff: quick,
    });
    children.start(spec);
  });

  t.is(how, 'exit code 3');
  t.deepEqual(delays, [10, 20]);
  t.deepEqual(tailOf(spec.logFile, 2), ['no such port', 'no such port']);
});

test('a child that is killed comes back under another pid, until restarting is stopped', async (t) => {
  const pids: number[] = [];
  let arrived = (): void => undefined;
  const children = new Children({
    clock: systemClock,
    environment: process.env,
    onStarted: (_name, pid) => {
      pids.push(pid);
      arrived();
    },
    onEnded: () => undefined,
    onGivenUp: () => t.fail(),
    backoff: quick,
  });
  children.start(childSpec('setInterval(() => {}, 1000)'));
  const second = new Promise<void>((resolve) => {
    arrived = resolve;
  });
  process.kill(pids[0] ?? 0, 'SIGKILL');
  await second;

  t.is(children.pidOf('child'), pids[1]);
  t.not(pids[0], pids[1]);
  children.stopRestarting();
  children.signal('SIGKILL');
  while (children.alive().length > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  t.is(pids.length, 2);
});

test('a log that has grown too large is put aside', (t) => {
  const { logFile } = childSpec('');
  writeFileSync(logFile, 'x'.repeat(100));

  rotateLog(logFile, 1_000);
  t.is(readFileSync(logFile, 'utf8').length, 100);
  rotateLog(logFile, 99);

  t.is(readFileSync(`${logFile}.1`, 'utf8').length, 100);
  t.deepEqual(tailOf(logFile, 5), []);
});
