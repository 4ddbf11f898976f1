import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pause, systemClock } from '@argosy/proto';
import test from 'ava';
import { endMarked, findMarked, findProcess, isAlive, type ProcessRef } from './process-table.ts';

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

test('a database whose parents are gone ends with its server, and its neighbour does not', async (t) => {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), 'ar-')));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  const orphanIn = async (name: string): Promise<ProcessRef> => {
    mkdirSync(join(directory, name, 'data'), { recursive: true });
    const options = { cwd: join(directory, name, 'data'), env: {}, detached: true, stdio: 'ignore' } as const;
    const child = spawn('/bin/sleep', ['60'], options);
    child.unref();
    t.teardown(() => child.kill('SIGKILL'));
    await pause(systemClock, 50);
    return findProcess(child.pid ?? 0) as ProcessRef;
  };
  const [ours, neighbour] = [await orphanIn('volume-1'), await orphanIn('volume-10')];

  const marks = { variable: 'ARGOSY_RUN_DIRECTORY', runDirectory: join(directory, 'run'), main: undefined };
  t.true(await endMarked({ ...marks, volume: join(directory, 'volume-1') }, systemClock));

  t.false(isAlive(ours));
  t.true(isAlive(neighbour));
});
