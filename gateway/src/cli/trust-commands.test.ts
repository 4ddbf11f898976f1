import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRegionRequest, createRoot, readRegionAuthority, systemClock } from '@argosy/proto';
import test from 'ava';
import { runCommandLine } from './program.ts';

test("a region's request is signed offline, once, and not for another federation", async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'argosy-sign-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  const write = (name: string, text: string): string => {
    writeFileSync(join(directory, name), text);
    return join(directory, name);
  };
  const now = new Date();
  const root = await createRoot('test', now);
  const { request, key } = await createRegionRequest({ federation: 'test', region: 'north' });
  const foreign = await createRegionRequest({ federation: 'other', region: 'north' });
  const lines: string[] = [];
  const say = (line: string): void => {
    lines.push(line);
  };
  const terminal = { isInteractive: false, out: say, error: say, redraw: () => {} };
  const folders = { workingDirectory: directory, userFolder: directory, systemFolder: directory };
  const run = (from: string): Promise<number> => {
    const files = [
      '--root-certificate',
      write('root.pem', root.certificate),
      '--root-key',
      write('root.key', root.key),
    ];
    const args = ['region', 'sign', ...files, '--request', from, '--out', join(directory, 'north.pem')];
    return runCommandLine(args, { environment: {}, ...folders, terminal, clock: systemClock });
  };

  t.is(await run(write('foreign.csr', foreign.request)), 1);
  t.regex(lines.at(-1) ?? '', /for the federation "other"/);
  t.is(await run(write('north.csr', request)), 0);
  t.like(readRegionAuthority(readFileSync(join(directory, 'north.pem'), 'utf8'), key, now), { region: 'north' });
  t.is(await run(join(directory, 'north.csr')), 1);
  t.regex(lines.at(-1) ?? '', /cannot be written/);
});
