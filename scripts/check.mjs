// `npm run check`: format and lint, types, import boundaries, tidiness. Every part runs, also when an earlier one failed;
// the last line counts the parts.
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { checkBoundaries } from './check-boundaries.mjs';
import { findTestFiles, runTests } from './run-tests.mjs';
import { countsLine, indent, seconds } from './test-report.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const TIDY_TESTS = 'test/src/tidy';

/** Runs a tool of node_modules; throws what it printed when it is not content. */
function tool(name, ...args) {
  const { status, error, stdout, stderr } = spawnSync(join(root, 'node_modules/.bin', name), args, {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  if (error !== undefined) throw new Error(`${name} could not be run: ${error.message}`);
  if (status !== 0) throw new Error(`${stdout}${stderr}`.trim() || `${name} ended with ${status}`);
  return stdout;
}

async function prepare() {
  const { setup } = await import('./setup.mjs');
  await setup({ quiet: true });
}

async function checkTidiness() {
  const output = [];
  const files = findTestFiles(['test/src']).files.filter((name) => name.startsWith(TIDY_TESTS));
  const { passed, failed } = await runTests({ files, print: (text) => output.push(text) });
  if (failed > 0) throw new Error(output.join('\n'));
  if (passed === 0) throw new Error(`No tidy test ran: ${TIDY_TESTS} names none.`);
  return `${passed} tests`;
}

const parts = [
  ['setup', prepare],
  [
    'format and lint',
    () => /Checked \d+ files/.exec(tool('biome', 'check', '--error-on-warnings', '--max-diagnostics=50', '.'))?.[0],
  ],
  ['types', () => tool('tsc', '-b')],
  ['import boundaries', checkBoundaries],
  ['tidiness', checkTidiness],
];

const counts = { passed: 0, failed: 0, skipped: 0 };
for (const [name, run] of parts) {
  const startedAt = Date.now();
  const title = () => `${name}  ${seconds(Date.now() - startedAt)}`;
  try {
    const note = await run();
    counts.passed += 1;
    console.log(`✔ ${title()}${note ? `  (${note.trim()})` : ''}`);
  } catch (error) {
    counts.failed += 1;
    console.log(`✘ ${title()}\n${indent(error.message, '    ')}`);
  }
}
console.log(countsLine(counts));
process.exitCode = counts.failed === 0 ? 0 : 1;
