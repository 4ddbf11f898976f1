/** Who may import whom. The same table is drawn in docs/architecture.md. */
export const mayImport = {
  proto: [],
  raft: [],
  datastores: [],
  regions: ['proto', 'datastores'],
  images: ['proto', 'datastores'],
  gateway: ['raft', 'proto', 'datastores'],
  test: ['proto', 'raft', 'datastores', 'regions', 'images', 'gateway'],
};

const packages = Object.keys(mayImport);
const anyOf = (names) => `(${names.join('|')})`;
const tests = '\\.test\\.ts$';
const drivers = '^datastores/src/(drivers\\.ts|.*[/-]?drivers?(\\.ts|/).*)$';

const between = packages.map((from) => ({
  name: `${from}-imports-only-${mayImport[from].join('-and-') || 'itself'}`,
  severity: 'error',
  from: { path: `^${from}/` },
  to: { path: `^${anyOf(packages.filter((name) => name !== from && !mayImport[from].includes(name)))}/` },
}));

/**
 * What is pure is a function of its arguments: it imports itself, what is pure too, and nothing that has a clock, a
 * file or a socket. Types alone do nothing and may come from anywhere that `between` admits.
 */
const pure = [
  { name: 'the-raft-core', folder: '^raft/src/core/', also: '^raft/src/assert\\.ts$' },
  {
    name: 'the-state-machine',
    folder: '^gateway/src/state/',
    also: '^(gateway/src/(planning|placement)/|datastores/src/index\\.ts$)',
  },
  {
    name: 'planning',
    folder: '^gateway/src/planning/',
    also: '^(gateway/src/(state|placement)/|datastores/src/index\\.ts$)',
  },
  {
    name: 'placement',
    folder: '^gateway/src/placement/',
    also: '^(gateway/src/(state|planning)/|datastores/src/index\\.ts$)',
  },
];
/** What a database keeps of a password, where Node does not compute it. */
const hashing = '(^|/)node_modules/bcryptjs/';
const computing = '^(node:)?(assert|assert/strict|crypto)$';

const purity = pure.map(({ name, folder, also }) => ({
  name: `${name}-does-no-io`,
  severity: 'error',
  from: { path: folder, pathNot: tests },
  to: { pathNot: [folder, also, computing], dependencyTypesNot: ['type-only'] },
}));

export default {
  forbidden: [
    ...between,
    ...purity,
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'every-import-resolves',
      comment: 'An import that is not found is in no rule, so that a broken configuration would pass as clean.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: 'sources-import-sources',
      comment: 'What was built is in no rule, so that an import of it would pass as clean.',
      severity: 'error',
      from: {},
      to: { path: `^${anyOf(packages)}/dist/` },
    },
    {
      name: 'through-the-front-door',
      severity: 'error',
      from: { path: '^([^/]+)/' },
      to: {
        path: `^${anyOf(packages)}/`,
        pathNot: [
          '^$1/',
          '/src/index\\.ts$',
          '^datastores/src/(drivers|contract)\\.ts$',
          '^proto/src/introspection\\.ts$',
          '^raft/src/simulation/index\\.ts$',
        ],
      },
    },
    {
      name: 'only-images-uses-drivers',
      severity: 'error',
      from: { path: `^${anyOf(packages)}/`, pathNot: '^(datastores|images|test)/' },
      to: { path: '^datastores/src/(drivers|contract)\\.ts$' },
    },
    {
      name: 'definitions-reach-no-driver',
      severity: 'error',
      from: { path: '^datastores/src/index\\.ts$' },
      to: { path: drivers, reachable: true },
    },
    {
      name: 'definitions-do-no-io',
      severity: 'error',
      from: { path: '^datastores/src/index\\.ts$' },
      to: { pathNot: ['^datastores/src/', computing, hashing], reachable: true },
    },
    {
      name: 'tests-are-imported-by-nobody',
      severity: 'error',
      from: {},
      to: { path: tests },
    },
  ],
  options: {
    doNotFollow: { path: '(^|/)(node_modules|dist)/' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['source', 'import', 'node', 'default'],
      extensions: ['.ts', '.js'],
    },
  },
};
