// AVA runs what `tsc -b` made; one names the sources on its command line (`npx ava raft/src/core.test.ts`).
const packages = ['proto', 'raft', 'datastores', 'regions', 'images', 'gateway', 'test'];

export default {
  files: ['*/src/**/*.test.ts'],
  typescript: { compile: false, rewritePaths: Object.fromEntries(packages.map((name) => [`${name}/src/`, `${name}/dist/`])) },
  nodeArguments: ['--enable-source-maps'],
  timeout: '2m',
  concurrency: 2,
};
