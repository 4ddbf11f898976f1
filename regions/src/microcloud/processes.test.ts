import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { findMarked, findProcess, isAlive } from './processes.ts';

test('a mark that could fit a stranger stops us before anything is looked at', (t) => {
  const marks = {
    main: undefined,
    variable: 'ARGOSY_RUN_DIRECTORY',
    runDirectory: '/tmp/argosy/run',
    volume: undefined,
  };

  t.throws(() => findMarked({ ...marks, variable: '' }));
  t.throws(() => findMarked({ ...marks, runDirectory: '' }));
  t.throws(() => findMarked({ ...marks, runDirectory: '/' }));
  t.throws(() => findMarked({ ...marks, runDirectory: '/tmp' }));
  t.throws(() => findMarked({ ...marks, volume: '' }));
  t.throws(() => findMarked({ ...marks, volume: 'volume' }));
});

test('nobody bears the mark of a server that never ran', (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'ar-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  const marks = { main: undefined, variable: 'ARGOSY_RUN_DIRECTORY', runDirectory: directory, volume: directory };

  t.deepEqual(findMarked(marks), []);
});

test('a pid that the kernel gave to another process is not the same process', (t) => {
  const own = findProcess(process.pid);

  t.true(own !== undefined && isAlive(own));
  t.false(isAlive({ pid: process.pid, startTime: '1' }));
  const reused = { pid: process.pid, startTime: '1' };
  const directory = join(tmpdir(), 'argosy-none');
  t.deepEqual(
    findMarked({ main: reused, variable: 'ARGOSY_RUN_DIRECTORY', runDirectory: directory, volume: undefined }),
    [],
  );
});
