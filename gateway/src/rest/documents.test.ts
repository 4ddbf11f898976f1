import { spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { ERROR_CODES, statusOf } from './errors.ts';
import { type Served, serve } from './server-for-tests.ts';

const DOCUMENTS = join(import.meta.dirname, '../../../docs');
const read = (name: string): string => readFileSync(join(DOCUMENTS, name), 'utf8');
const hasCurl = spawnSync('curl', ['--version']).status === 0;

/** Says the status of each answer on the standard error. */
const CURL = `curl() { command curl -s -w '%{stderr}%{http_code}\\n' "$@"; }\n`;

test('the table of errors has every title with its status, once, and nothing else', (t) => {
  const rows = [...read('errors.md').matchAll(/^\| `([a-z_.]+)` \| (\d{3}) \| [^|]+ \| [^|]+ \|$/gm)];
  const documented = rows.map(([, title, status]) => `${title} ${status}`);

  t.deepEqual(documented.sort(), ERROR_CODES.map((code) => `${code} ${statusOf(code)}`).sort());
});

/** Runs an example and answers the statuses that it met. */
function run({ origin }: Served, script: string): Promise<string[]> {
  const env = { ...process.env, ARGOSY: origin, TOKEN: 'demo', ADMIN_TOKEN: 'admin' };
  const child = spawn('/bin/sh', ['-c', CURL + script], { env, stdio: ['ignore', 'ignore', 'pipe'] });
  let told = '';
  child.stderr.on('data', (chunk: Buffer) => {
    told += chunk.toString('utf8');
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', () => resolve(told.split('\n').filter((line) => line !== '')));
  });
}

(hasCurl ? test : test.skip)('what the guide to the API shows is answered as it says', async (t) => {
  const served = await serve(t);
  const { world } = served;
  world.elect();
  const examples = [...read('api.md').matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, script = '']) => script);

  t.true(examples.length >= 10);
  for (const script of examples) {
    const expected = [...script.matchAll(/# (\d{3})$/gm)].map(([, status]) => status);
    t.deepEqual(await run(served, script), expected, script);
    // What the example began ends before the next one, as it does for a reader.
    await world.until(() => world.federation.operations().every(({ status }) => status !== 'RUNNING'));
  }
});
