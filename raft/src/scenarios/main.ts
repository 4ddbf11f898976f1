// The command behind `npm run raft:scenarios`: runs the named files, and all of the named folders.
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { runScenario } from './run-scenarios.ts';

const scenarioSuffix = '.txt';
let passed = 0;
let failed = 0;

function filesAt(path: string): string[] {
  if (!statSync(path).isDirectory()) return [path];
  const names = readdirSync(path, { recursive: true, encoding: 'utf8' });
  return names
    .filter((name) => name.endsWith(scenarioSuffix))
    .sort()
    .map((name) => join(path, name));
}

function fail(text: string): void {
  failed += 1;
  console.log(`✘ ${text}`);
}

function run(file: string): void {
  const result = runScenario(file, readFileSync(file, 'utf8'));
  passed += result.passed;
  const mark = result.failures.length === 0 ? '✔' : '✘';
  console.log(`${mark} ${file}: ${result.passed} passed, ${result.failures.length} failed`);
  for (const { line, command, difference } of result.failures) {
    failed += 1;
    console.log(`\n${file}:${line}: ${command}\n${difference}\n`);
  }
}

const paths = process.argv.slice(2);
if (paths.length === 0) fail('Name scenario files, or folders of them.');
for (const path of paths) {
  try {
    const files = filesAt(resolve(process.env.INIT_CWD ?? '.', path));
    if (files.length === 0) fail(`${path}: no scenario in it (their names end in ${scenarioSuffix})`);
    for (const file of files) {
      try {
        run(file);
      } catch (error) {
        fail(`${file}: ${(error as Error).message}`);
      }
    }
  } catch (error) {
    fail(`${path}: ${(error as Error).message}`);
  }
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
