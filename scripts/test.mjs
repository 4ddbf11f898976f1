// `npm test`: sets up, runs the tests, and always ends with `N passed, N failed, N skipped`.
// `npm test -- FILE…` runs only those files or folders; `--changed [REV]` only what has changed since can touch; any
// other option is passed to AVA.
import { findTestFiles, runTests } from './run-tests.mjs';
import { countsLine, seconds } from './test-report.mjs';

const print = (text) => console.log(text);
/** Set when nothing has changed, so that there is nothing to test. */
let mayBeEmpty = false;
const counts = { passed: 0, failed: 0, skipped: 0 };

/** Counts something that is no test and went wrong. */
function fail(text) {
  counts.failed += 1;
  print(`✘ ${text}`);
}

async function main() {
  const startedAt = Date.now();
  const { setup } = await import('./setup.mjs');
  await setup({ quiet: true });

  const isOption = (argument) => argument.startsWith('-');
  const { revision, rest } = await readChanged(process.argv.slice(2));
  const { files: named, unknown } = findTestFiles(rest.filter((argument) => !isOption(argument)));
  for (const name of unknown) fail(`${name}: no test file or folder of this name (a test file ends in .test.ts)`);
  const files = revision === undefined ? named : await touched(named, revision);

  const result = await runTests({ files, avaArguments: rest.filter(isOption), print });
  for (const key of Object.keys(counts)) counts[key] += result[key];
  if (result.failures.length > 0) print(`\nFailed:\n${result.failures.map((title) => `  ${title}`).join('\n')}`);
  print(`\n${files.length} files in ${seconds(Date.now() - startedAt)}`);
}

/** The revision after `--changed`, and what else was asked for. A name that is no revision is a file or folder. */
async function readChanged(words) {
  const place = words.findIndex((word) => word === '--changed' || word.startsWith('--changed='));
  if (place === -1) return { rest: words };
  const { defaultRevision, isRevision } = await import('./changed-tests.mjs');
  const [, given] = words[place].split('=');
  const next = words[place + 1];
  const follows = given === undefined && next !== undefined && !next.startsWith('-') && isRevision(next);
  const revision = given ?? (follows ? next : defaultRevision());
  if (!isRevision(revision)) throw usage(`--changed: there is no revision "${revision}" in this clone`);
  return { revision, rest: [...words.slice(0, place), ...words.slice(place + (follows ? 2 : 1))] };
}

function usage(message) {
  return Object.assign(new Error(message), { name: 'SetupError' });
}

/** Those that a change since the revision can touch; the others are named. */
async function touched(files, revision) {
  const { changedFiles, readGraph, testsTouchedBy } = await import('./changed-tests.mjs');
  const changed = changedFiles(revision);
  mayBeEmpty = changed.length === 0;
  print(`${changed.length} files differ from ${revision}.`);
  const chosen = changed.length === 0 ? [] : testsTouchedBy(changed, readGraph(), files);
  const left = files.filter((name) => !chosen.includes(name));
  if (left.length > 0)
    print(`Left out, for nothing that they reach has changed:\n${left.map((name) => `  ${name}`).join('\n')}`);
  return chosen;
}

// Nothing may be printed after the counts, however this process ends.
process.on('uncaughtException', (error) => {
  fail(error.stack ?? String(error));
  process.exit(1);
});
process.on('exit', () => {
  if (counts.passed + counts.failed === 0 && !mayBeEmpty) fail('no test ran');
  process.exitCode = counts.failed === 0 ? 0 : 1;
  print(countsLine(counts));
});

try {
  await main();
} catch (error) {
  fail(error.name === 'SetupError' ? error.message : (error.stack ?? String(error)));
}
