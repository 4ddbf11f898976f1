import test from 'ava';

type Graph = ReadonlyMap<string, ReadonlySet<string>>;
interface ChangedTests {
  namedFiles(): Graph;
  namedIn(
    name: string,
    text: string,
    known: { files: ReadonlySet<string>; folders: ReadonlySet<string> },
  ): ReadonlySet<string>;
  testsTouchedBy(changed: readonly string[], graph: Graph, tests: readonly string[]): readonly string[];
}

const script = new URL('../../scripts/changed-tests.mjs', import.meta.url).href;
const { namedFiles, namedIn, testsTouchedBy } = (await import(script)) as ChangedTests;

const TIDY = 'test/src/tidy.test.ts';
const TESTS = ['raft/src/log.test.ts', 'test/src/whole.test.ts', 'gateway/src/plan.test.ts', TIDY];
const GRAPH: Graph = new Map([
  ['raft/src/log.test.ts', new Set(['raft/src/log.ts', 'raft/testdata/'])],
  ['gateway/src/plan.test.ts', new Set(['gateway/src/plan.ts'])],
  ['test/src/whole.test.ts', new Set(['scripts/start.mjs'])],
  ['scripts/start.mjs', new Set(['gateway/src/main.ts'])],
  ['gateway/src/main.ts', new Set(['raft/src/log.ts', 'gateway/src/plan.ts'])],
  ['gateway/src/plan.ts', new Set(['gateway/src/main.ts'])],
]);

test('a change touches the tests that reach it, through programs that they start and folders that they read', (t) => {
  const touched = (...changed: string[]): readonly string[] => testsTouchedBy(changed, GRAPH, TESTS);

  t.deepEqual(touched('raft/src/log.ts'), TESTS);
  t.deepEqual(touched('scripts/start.mjs'), ['test/src/whole.test.ts', TIDY]);
  t.deepEqual(touched('raft/testdata/deep/one.txt'), ['raft/src/log.test.ts', TIDY]);
  t.deepEqual(touched('raft/src/log.test.ts'), ['raft/src/log.test.ts', TIDY]);
  t.deepEqual(touched('README.md'), [TIDY]);
  t.deepEqual(touched(), []);
});

test('a change of what builds and runs the tests touches all of them', (t) => {
  for (const name of ['package-lock.json', 'raft/tsconfig.json', 'scripts/run-tests.mjs', 'ava.config.js']) {
    t.deepEqual(testsTouchedBy([name], GRAPH, TESTS), TESTS, name);
  }
});

test('a program is known by the string that names what was built of it', (t) => {
  const files = new Set([
    'gateway/src/main.ts',
    'gateway/src/worker.ts',
    'regions/templates/a.yaml',
    'images/guest.sh',
  ]);
  const known = { files, folders: new Set(['gateway', 'gateway/src', 'regions', 'regions/templates', 'images']) };
  const named = (text: string): readonly string[] => [...namedIn('gateway/src/start.ts', text, known)];

  t.deepEqual(named(`run('gateway/dist/main.js')`), ['gateway/src/main.ts']);
  t.deepEqual(named("new URL('./worker.js', import.meta.url)"), ['gateway/src/worker.ts']);
  t.deepEqual(named(['read(`../../regions/templates/', '{name}`)'].join('$')), ['regions/templates/']);
  t.deepEqual(named("join(repository, 'images/guest.sh')"), ['images/guest.sh']);
  t.deepEqual(named("// as 'gateway/dist/main.js' does\nconst path = '.';"), []);
});

test('of this repository, a test that starts a federation reaches every process of it', (t) => {
  const graph = namedFiles();
  const names = (from: string, to: string): void => {
    t.true(graph.get(from)?.has(to) === true, `${from} names ${to}`);
  };

  names('test/src/crash-matrix/local-federation.ts', 'gateway/src/local/main.ts');
  names('gateway/src/local/federation.ts', 'gateway/src/main.ts');
  names('gateway/src/local/federation.ts', 'regions/src/executor/main.ts');
  names('gateway/src/local/federation.ts', 'regions/src/microcloud/main.ts');
  names('gateway/src/local/configurations.ts', 'images/guest.sh');
  names('images/guest.sh', 'images/src/agent/main.ts');
  names('regions/src/executor/stack-request.ts', 'regions/templates/');
  names('proto/src/generated/argosy/v2/clusters.ts', 'proto/argosy/v2/clusters.proto');
});
