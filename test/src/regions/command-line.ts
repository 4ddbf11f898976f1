// The command line as an operator uses it, against a federation under test.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const LIMIT_MS = 120_000;
const root = fileURLToPath(new URL('../../..', import.meta.url));

export interface Said {
  readonly code: number | null;
  readonly out: string;
  readonly error: string;
}

/** `argosy ...` as one of the local users. */
export function argosy(home: string, cloud: 'admin' | 'demo', ...words: readonly string[]): Promise<Said> {
  return runScript('gateway/bin/argosy.js', words, { ARGOSY_HOME: home, OS_CLOUD: cloud });
}

/** A script of the repository, to its end. */
export function runScript(script: string, words: readonly string[], more: NodeJS.ProcessEnv = {}): Promise<Said> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [`${root}${script}`, ...words], {
      cwd: root,
      env: { ...process.env, ...more },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: LIMIT_MS,
    });
    const [out, error]: [string[], string[]] = [[], []];
    child.stdout.on('data', (chunk: Buffer) => out.push(chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => error.push(chunk.toString()));
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, out: out.join(''), error: error.join('') }));
  });
}
