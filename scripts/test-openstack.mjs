// `npm run test:openstack`: what needs a real Keystone and a real Heat. The contract of a region runs against microcloud
// and against the real ones; a case that ran on one of them only is a failure. Ends with the counts, by target.
import { findTestFiles, runTests } from './run-tests.mjs';
import { countsLine } from './test-report.mjs';

const TARGETS = ['microcloud', 'openstack'];
const FOLDER = 'test/src/openstack';
/** What runs beside each other, for all wait more than they work. `shared` is two regions behind one Keystone. */
const RUNS = [
  { targets: 'openstack', part: '1/3' },
  { targets: 'openstack', part: '2/3' },
  { targets: 'openstack', part: '3/3' },
  { targets: 'microcloud,shared', part: '1/1' },
];

const print = (text) => console.log(text);
const counts = { passed: 0, failed: 0, skipped: 0 };
const titles = [];

function fail(text) {
  counts.failed += 1;
  print(`✘ ${text}`);
}

/** The cases that passed on a target, by their titles without its name. */
function casesOf(target) {
  return titles.filter((title) => title.startsWith(`${target}: `)).map((title) => title.slice(target.length + 2));
}

async function main() {
  const { setup } = await import('./setup.mjs');
  await setup({ quiet: true });
  const { files } = findTestFiles([FOLDER]);
  const run = ({ targets, part }) => {
    const environment = { ARGOSY_REGION_TARGETS: targets, ARGOSY_REGION_PART: part };
    return runTests({ files, avaArguments: ['--timeout=5m'], environment, print });
  };
  const ended = await Promise.allSettled(RUNS.map(run));
  const failures = [];
  for (const { reason, value: result } of ended) {
    if (result === undefined) {
      fail(reason.stack ?? String(reason));
      continue;
    }
    for (const key of Object.keys(counts)) counts[key] += result[key];
    titles.push(...result.passes);
    failures.push(...result.failures);
  }
  const failed = failures.join('\n');
  for (const target of TARGETS) {
    for (const other of TARGETS.filter((name) => name !== target)) {
      const missing = casesOf(target).filter((title) => !casesOf(other).includes(title));
      for (const title of missing)
        if (!failed.includes(`${other}: ${title}`)) fail(`${title}: did not run on ${other}`);
    }
  }
}

process.on('uncaughtException', (error) => {
  fail(error.stack ?? String(error));
  process.exit(1);
});
process.on('exit', () => {
  if (counts.passed + counts.failed === 0) fail('no test ran');
  process.exitCode = counts.failed + counts.skipped === 0 ? 0 : 1;
  const byTarget = TARGETS.map((target) => `${target} ${casesOf(target).length}`).join(', ');
  print(`${countsLine(counts)} (${byTarget})`);
});

try {
  await main();
} catch (error) {
  fail(error.name === 'SetupError' ? error.message : (error.stack ?? String(error)));
}
