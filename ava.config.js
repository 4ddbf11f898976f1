// AVA runs what `tsc -b` made; one names the sources on its command line (`npx ava raft/src/core.test.ts`).
import { writeSync } from 'node:fs';

const packages = ['proto', 'raft', 'datastores', 'regions', 'images', 'gateway', 'test'];

/** The causes of an error, innermost last; AVA hands over only the outermost. */
function causes(error, depth = 0) {
  const cause = error?.cause;
  if (cause === undefined || depth > 5) return [];
  return [String(cause.stack ?? cause), ...causes(cause, depth + 1)];
}

/** What of an event survives as JSON and is of use to scripts/run-tests.mjs. */
function toJson(event) {
  const { type, testFile, pendingTests, stats, err, chunk, logs, ...rest } = event;
  return JSON.stringify({
    type,
    testFile,
    ...(pendingTests && { pendingTests: [...pendingTests].map(([file, titles]) => [file, [...titles]]) }),
    ...(stats && { files: stats.files }),
    ...(err && { error: { ...err, causes: causes(err.originalError), originalError: undefined } }),
    ...(chunk && { text: Buffer.from(chunk).toString() }),
    ...(logs && { logs }),
    ...rest,
    pendingTestsLogs: undefined,
  });
}

// AVA's TAP reporter dies of a test that times out or ends its process, and tells nothing of where an assertion stood.
// Its events do, so `npm test` asks for them on a file descriptor.
const eventsFd = Number(process.env.ARGOSY_TEST_EVENTS_FD ?? 0);
const observed = {
  nonSemVerExperiments: { observeRunsFromConfig: true },
  async observeRun({ events }) {
    for await (const event of events) writeSync(eventsFd, `${toJson(event)}\n`);
  },
};

export default {
  files: ['*/src/**/*.test.ts'],
  typescript: {
    compile: false,
    rewritePaths: Object.fromEntries(packages.map((name) => [`${name}/src/`, `${name}/dist/`])),
  },
  nodeArguments: ['--enable-source-maps'],
  timeout: '2m',
  concurrency: 3,
  ...(eventsFd > 2 && observed),
};
