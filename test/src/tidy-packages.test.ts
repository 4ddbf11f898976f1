import test from 'ava';
import { exists, read, repositoryFiles } from './repository.ts';

interface Manifest {
  readonly name: string;
  readonly license?: string;
  readonly workspaces?: readonly string[];
  readonly exports?: Readonly<
    Record<string, { readonly source?: string; readonly types?: string; readonly default?: string }>
  >;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

const manifest = (name: string): Manifest => JSON.parse(read(name)) as Manifest;
const manifests = (): readonly string[] => repositoryFiles().filter((name) => /(^|\/)package\.json$/.test(name));
const workspaces = (): readonly string[] => manifest('package.json').workspaces ?? [];

test('every dependency names the major version that it was tried with', (t) => {
  const loose = manifests().flatMap((name) => {
    const { dependencies, devDependencies, optionalDependencies } = manifest(name);
    return Object.entries({ ...dependencies, ...devDependencies, ...optionalDependencies })
      .filter(([, version]) => !/^[~^]?\d+\.\d+\.\d+$/.test(version))
      .map(([dependency, version]) => `${name}: ${dependency} ${version}`);
  });

  t.deepEqual(loose, []);
});

test('the lock file names no registry', (t) => {
  const lines = read('package-lock.json').split('\n');

  t.deepEqual(
    lines.filter((line) => /"resolved":\s*"[a-z+]+:/.test(line)),
    [],
  );
});

test('every package has a front door, and every other door leads to a source', (t) => {
  const closed = workspaces().flatMap((name) => {
    const doors = manifest(`${name}/package.json`).exports ?? {};
    const missing = Object.entries(doors).filter(([, door]) => !exists(`${name}/${door.source ?? 'undefined'}`));
    return [...('.' in doors ? [] : [`${name}: .`]), ...missing.map(([door]) => `${name}: ${door}`)];
  });

  t.true(workspaces().length > 0);
  t.deepEqual(closed, []);
});

test('every package is a workspace, is compiled, and has the licence', (t) => {
  const folders = manifests()
    .filter((name) => /^[^/]+\/package\.json$/.test(name))
    .map((name) => name.replace('/package.json', ''));
  const compiled = JSON.parse(read('tsconfig.json')) as { references: { path: string }[] };

  t.deepEqual(folders, [...workspaces()].sort());
  t.deepEqual(compiled.references.map(({ path }) => path).sort(), [...folders]);
  t.deepEqual(
    manifests().filter((name) => manifest(name).license !== 'Apache-2.0'),
    [],
  );
});
