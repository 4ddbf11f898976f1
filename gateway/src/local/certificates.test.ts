import { readFileSync, rmSync, statSync } from 'node:fs';
import test from 'ava';
import { newTestFolder } from '../cli/folder-for-tests.ts';
import { ensureCertificates, isDue, leafFiles } from './certificates.ts';
import { ensureFolder, PRIVATE_FOLDER } from './folders.ts';
import { type HomePaths, homePaths } from './home-paths.ts';
import { layOut } from './layout.ts';

const DAY_MS = 86_400_000;
const begin = new Date('2026-01-01T00:00:00Z');
const regions = layOut(0, 8779);

function freshHome(): HomePaths {
  const paths = homePaths(newTestFolder());
  ensureFolder(paths.operator, PRIVATE_FOLDER);
  ensureFolder(paths.processes, PRIVATE_FOLDER);
  return paths;
}

function issue(paths: HomePaths, days: number): Promise<number> {
  return ensureCertificates(paths, {
    federation: 'local-test',
    regions,
    now: new Date(begin.getTime() + days * DAY_MS),
  });
}

test('everything is issued once: a root, three intermediates, six leaves', async (t) => {
  const paths = freshHome();

  t.is(await issue(paths, 0), 10);
  t.is(await issue(paths, 1), 0);
});

test('keys are readable by their owner only', async (t) => {
  const paths = freshHome();
  await issue(paths, 0);

  for (const file of [paths.rootKey, leafFiles(paths, 'gateway-1').keyFile]) t.is(statSync(file).mode & 0o777, 0o600);
});

test('a start in time does without the root key; once leaves are due, it is needed', async (t) => {
  const paths = freshHome();
  await issue(paths, 0);
  const before = readFileSync(leafFiles(paths, 'executor-north').certificateFile, 'utf8');

  t.false(isDue(before, new Date(begin.getTime() + 240 * DAY_MS)));
  t.is(await issue(paths, 240), 0);
  t.is(await issue(paths, 250), 6);

  t.not(readFileSync(leafFiles(paths, 'executor-north').certificateFile, 'utf8'), before);
  rmSync(leafFiles(paths, 'gateway-2').keyFile);
  t.is(await issue(paths, 250), 1);
});
