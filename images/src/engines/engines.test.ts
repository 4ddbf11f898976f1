import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { engines } from '../testing/place.ts';
import { readDepends } from './apt.ts';
import { EngineError, enginesSchema } from './engines.ts';
import { enginesFile, prepareEngine } from './prepare.ts';

const context = { isRoot: process.getuid?.() === 0, progress: () => {} };

async function folder(t: ExecutionContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'argosy-engines-'));
  t.teardown(() => rm(path, { recursive: true, force: true }));
  return path;
}

test('what a package links against is taken along, and the libc of the system is not', (t) => {
  const text = [
    'postgresql-15',
    '  Depends: locales',
    ' |Depends: libpq5',
    '  Depends: libpq6',
    '  Depends: libc6',
    '  PreDepends: libssl3',
    '  Depends: <libvirtual>',
    '    libreal',
    '  Conflicts: libold',
    '',
  ].join('\n');
  t.deepEqual(readDepends(text), ['libpq5', 'libssl3']);
});

test('an unknown datastore or version is refused with what there is', async (t) => {
  const directory = await folder(t);
  const wrong = { datastore: 'postgres', version: '15', directory };
  await t.throwsAsync(prepareEngine(wrong, context), { instanceOf: EngineError, message: /Did you mean postgresql/ });
  const old = { datastore: 'postgresql', version: '9.6', directory };
  await t.throwsAsync(prepareEngine(old, context), { instanceOf: EngineError, message: /not supported; there is 15/ });
});

test('an engine is found again, also by two at once, and listed with where its programs are', async (t) => {
  const file = await engines();
  const [entry] = Object.values(enginesSchema.parse(JSON.parse(await readFile(file, 'utf8'))).postgresql ?? {});
  t.truthy(entry);
  t.true((await stat(join(entry?.bin ?? '', 'postgres'))).isFile());
  t.regex(entry?.release ?? '', /^15\./);

  if (entry?.mode !== 'system') return;
  const directory = await folder(t);
  const request = { datastore: 'postgresql', version: '15', directory, mode: 'system' } as const;
  const [left, right] = await Promise.all([prepareEngine(request, context), prepareEngine(request, context)]);
  t.deepEqual(left, right);
  t.deepEqual(JSON.parse(await readFile(enginesFile(directory), 'utf8')), left);
});
