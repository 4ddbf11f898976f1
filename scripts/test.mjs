// `npm test`: sets up, runs the tests, and always ends with `N passed, N failed, N skipped`.
// `npm test -- FILE…` runs only those files or folders; what begins with a dash is passed to AVA.
import { findTestFiles, runTests } from './run-tests.mjs';
import { countsLine, seconds } from './test-report.mjs';

const print = (text) => console.log(text);
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
  const { files, unknown } = findTestFiles(process.argv.slice(2).filter((argument) => !isOption(argument)));
  for (const name of unknown) fail(`${name}: no test file or folder of this name (a test file ends in .test.ts)`);

  const result = await runTests({ files, avaArguments: process.argv.slice(2).filter(isOption), print });
  for (const key of Object.keys(counts)) counts[key] += result[key];
  if (result.failures.length > 0) print(`\nFailed:\n${result.failures.map((title) => `  ${title}`).join('\n')}`);
  print(`\n${files.length} files in ${seconds(Date.now() - startedAt)}`);
}

// Nothing may be printed after the counts, however this process ends.
process.on('uncaughtException', (error) => {
  fail(error.stack ?? String(error));
  process.exit(1);
});
process.on('exit', () => {
  if (counts.passed + counts.failed === 0) fail('no test ran');
  process.exitCode = counts.failed === 0 ? 0 : 1;
  print(countsLine(counts));
});

try {
  await main();
} catch (error) {
  fail(error.name === 'SetupError' ? error.message : (error.stack ?? String(error)));
}
