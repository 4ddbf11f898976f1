import { spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { newTestFolder } from '../cli/folder-for-tests.ts';
import { StartError } from './errors.ts';
import { lockHolder, lockHome } from './home-lock.ts';
import { findProcess } from './process-table.ts';

function lockPath(): string {
  return join(newTestFolder(), 'lock');
}

test('a second start is refused with the pid of the first', (t) => {
  const path = lockPath();
  lockHome(path);

  const error = t.throws(() => lockHome(path), { instanceOf: StartError });

  t.true(error.message.includes(`pid ${process.pid}`));
});

test('what has been given back can be taken again', (t) => {
  const path = lockPath();
  lockHome(path)();

  t.false(existsSync(path));
  t.notThrows(() => lockHome(path));
});

test('the lock of a process that has ended is taken over', (t) => {
  const path = lockPath();
  const { pid } = spawnSync('true');
  writeFileSync(path, JSON.stringify({ pid, startTime: '1' }));

  lockHome(path);

  t.is(lockHolder(path)?.pid, process.pid);
});

test('a pid that the kernel has used again does not keep a stale lock', (t) => {
  const path = lockPath();
  writeFileSync(path, JSON.stringify({ pid: process.ppid, startTime: 'long ago' }));

  lockHome(path);

  t.is(lockHolder(path)?.pid, process.pid);
});

test('half a lock, as a full disk leaves it, is taken over', (t) => {
  const path = lockPath();
  writeFileSync(path, '{"pid":');

  lockHome(path);

  t.is(lockHolder(path)?.pid, process.pid);
});

test('giving back does not take away what another has taken since', (t) => {
  const path = lockPath();
  const release = lockHome(path);
  const other = findProcess(process.ppid);
  writeFileSync(path, JSON.stringify(other));

  release();

  t.is(lockHolder(path)?.pid, process.ppid);
});
