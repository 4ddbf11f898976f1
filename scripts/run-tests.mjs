// Runs AVA and counts from its events (see ava.config.js), so that nothing ends a run unseen: not a test that never
// ends, not one that ends its process, not a file that does not load, not AVA itself.
import { spawn } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { describeError, describeFile } from './test-report.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const packages = ['proto', 'raft', 'datastores', 'regions', 'images', 'gateway', 'test'];
const TEST_FILE = '.test.ts';
/** AVA gives up after its own timeout without a finished test; when it is silent for so long, it hangs itself. */
const SILENCE_LIMIT_MS = 10 * 60 * 1000;
/** Of AVA's own output, kept to explain its death. */
const KEPT_CHARACTERS = 4_000;

/** All test files under a folder, by their source names from the repository's root. */
function testFilesIn(folder) {
  return readdirSync(join(root, folder), { recursive: true })
    .filter((name) => name.endsWith(TEST_FILE))
    .map((name) => join(folder, name))
    .sort();
}

/** Test files that the arguments name (files or folders, from here or from where npm was called), and what names none. */
export function findTestFiles(names) {
  if (names.length === 0) return { files: packages.flatMap((name) => testFilesIn(`${name}/src`)), unknown: [] };

  const files = new Set();
  const unknown = [];
  for (const name of names) {
    const path = [root, process.env.INIT_CWD ?? root]
      .map((folder) => resolve(folder, name))
      .find((candidate) => statSync(candidate, { throwIfNoEntry: false }) !== undefined);
    const found = path === undefined ? [] : filesAt(relative(root, path));
    for (const file of found) files.add(file);
    if (found.length === 0) unknown.push(name);
  }
  return { files: [...files], unknown };
}

function filesAt(path) {
  if (statSync(join(root, path)).isFile()) return path.endsWith(TEST_FILE) ? [path] : [];
  return testFilesIn(path).filter((name) => name.includes('/src/') && !name.includes('node_modules'));
}

/**
 * Runs test files and tells of each when it is complete.
 * Returns `{ passed, failed, skipped, failures, passes }`; `failures` are titles with their files, `passes` what AVA calls
 * the tests that passed.
 */
export async function runTests({ files, avaArguments = [], environment = {}, print }) {
  const run = new Run(print);
  if (files.length === 0) return run.result();

  const child = spawn(
    process.execPath,
    [join(root, 'node_modules/ava/entrypoints/cli.mjs'), ...avaArguments, ...files],
    {
      cwd: root,
      env: { ...process.env, ...environment, ARGOSY_TEST_EVENTS_FD: '3', NO_COLOR: '1' },
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    },
  );
  const ended = new Promise((resolveEnd) => {
    child.once('error', (error) => resolveEnd(error.message));
    child.once('close', (code, signal) => resolveEnd(signal === null ? `exit code ${code}` : `signal ${signal}`));
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      output = (output + chunk).slice(-KEPT_CHARACTERS);
    });
  }

  // Ctrl-C reaches AVA too: it stops its tests and tells of it, and we count. A second one ends AVA at once.
  let interrupts = 0;
  const interrupt = () => {
    interrupts += 1;
    if (interrupts > 1) child.kill('SIGKILL');
  };
  const terminate = () => child.kill('SIGINT');
  process.on('SIGINT', interrupt);
  process.on('SIGTERM', terminate);
  const silence = setTimeout(() => child.kill('SIGKILL'), SILENCE_LIMIT_MS);
  for await (const line of createInterface({ input: child.stdio[3] })) {
    silence.refresh();
    run.take(JSON.parse(line));
  }
  const ending = await ended;
  clearTimeout(silence);
  process.off('SIGINT', interrupt);
  process.off('SIGTERM', terminate);

  run.finish(files, { ending, output });
  return run.result();
}

/** What is known of a run so far. */
class Run {
  #print;
  #files = new Map();
  #result = { passed: 0, failed: 0, skipped: 0, failures: [], passes: [] };
  #timeoutMs;
  #isInterrupted = false;
  #hasEnded = false;
  #hasFailureOutsideFiles = false;

  constructor(print) {
    this.#print = print;
  }

  take(event) {
    if (event.type === 'end') this.#hasEnded = true;
    else if (event.type === 'timeout') this.#timeoutMs = event.period;
    else if (event.type === 'interrupt') this.#isInterrupted = true;
    else if (event.testFile !== undefined) this.#takeOfFile(event, sourceName(event.testFile));
    else if (event.error !== undefined) this.#failOutsideFiles(`AVA: ${event.type}`, describeError(event.error));
  }

  #takeOfFile(event, name) {
    const file = this.#file(name);
    const { title } = event;
    switch (event.type) {
      case 'declared-test':
        file.declared += 1;
        break;
      case 'selected-test':
        if (event.skip || event.todo) file.skipped.push({ title, reason: event.todo ? 'not written yet' : undefined });
        else file.pending.add(title);
        break;
      case 'test-passed': {
        file.pending.delete(title);
        const reason = skipReason(event.logs);
        if (reason === undefined) {
          file.passed += 1;
          this.#result.passes.push(title);
        }
        if (reason !== undefined) file.skipped.push({ title, reason });
        break;
      }
      case 'test-failed':
      case 'hook-failed':
        file.pending.delete(title);
        file.failures.push({ title, text: describeError(event.error), logs: event.logs });
        break;
      case 'uncaught-exception':
      case 'unhandled-rejection':
      case 'internal-error':
        file.failures.push({ title: event.type.replaceAll('-', ' '), text: describeError(event.error) });
        break;
      case 'process-exit':
        file.end = `the test file ended its process:\n${describeError({ type: 'stack', stack: event.stack })}`;
        break;
      case 'missing-ava-import':
        file.end = 'It declares no test and does not import ava.';
        break;
      case 'worker-stdout':
      case 'worker-stderr':
        file.output = (file.output + event.text).slice(-KEPT_CHARACTERS);
        break;
      case 'worker-failed':
        file.end ??= endOfWorker(event);
        this.#complete(name, file);
        break;
      case 'worker-finished':
        this.#complete(name, file);
        break;
    }
  }

  #file(name) {
    let file = this.#files.get(name);
    if (file === undefined) {
      file = {
        startedAt: Date.now(),
        declared: 0,
        passed: 0,
        skipped: [],
        pending: new Set(),
        failures: [],
        output: '',
      };
      this.#files.set(name, file);
    }
    return file;
  }

  /** A file has no more to tell: what it owes is a failure. */
  #complete(name, file) {
    if (file.isComplete) return;
    file.isComplete = true;
    for (const title of file.pending) file.failures.push({ title, text: this.#whyPending(file) });
    if (file.failures.length === 0) {
      if (file.end !== undefined) file.failures.push({ title: 'the file as a whole', text: file.end });
      else if (file.declared === 0) file.failures.push({ title: 'the file as a whole', text: 'It declares no test.' });
    }

    this.#result.passed += file.passed;
    this.#result.skipped += file.skipped.length;
    this.#result.failed += file.failures.length;
    for (const { title } of file.failures) this.#result.failures.push(`${name} › ${title}`);
    this.#print(describeFile(name, file, Date.now() - file.startedAt));
  }

  #whyPending(file) {
    if (this.#isInterrupted) return 'Interrupted.';
    if (file.end !== undefined) return `It had not ended when ${file.end}`;
    if (this.#timeoutMs !== undefined) return `Timed out: no test ended for ${this.#timeoutMs / 1000} s.`;
    return 'It never ended.';
  }

  #failOutsideFiles(title, text) {
    this.#hasFailureOutsideFiles = true;
    this.#result.failed += 1;
    this.#result.failures.push(title);
    this.#print(`✘ ${title}\n${text}`);
  }

  /** Settles what AVA left open when it ended. */
  finish(expected, { ending, output }) {
    for (const [name, file] of this.#files) {
      if (file.isComplete) continue;
      file.end ??= `AVA ended with ${ending}`;
      this.#complete(name, file);
    }
    for (const name of expected) {
      if (this.#files.has(name)) continue;
      const file = this.#file(name);
      file.end = this.#isInterrupted ? 'Interrupted before it started.' : 'It was not run.';
      this.#complete(name, file);
    }
    const isUnexplained = ending !== 'exit code 0' && this.#result.failed === 0;
    if (this.#hasFailureOutsideFiles || (this.#hasEnded && !isUnexplained)) return;
    this.#failOutsideFiles(
      `AVA ended with ${ending}${this.#hasEnded ? '' : ' in the middle of its work'}`,
      output.trim(),
    );
  }

  result() {
    return this.#result;
  }
}

/** A test that finds while running that it cannot logs a line `skipped: <reason>` and returns. */
function skipReason(logs = []) {
  return logs.map((line) => /^skipped: (.+)/.exec(line)?.[1]).find((reason) => reason !== undefined);
}

function endOfWorker({ error, nonZeroExitCode, signal }) {
  if (error !== undefined) return describeError(error);
  return nonZeroExitCode === undefined ? `it ended by signal ${signal}` : `it ended with exit code ${nonZeroExitCode}`;
}

function sourceName(path) {
  return relative(root, path)
    .replace(/^([^/]+)\/dist\//, '$1/src/')
    .replace(/\.js$/, '.ts');
}
