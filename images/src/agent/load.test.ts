import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';

const PROGRAM = `const { basename } = require('node:path'); console.log(basename(__filename), basename(__dirname));`;

/** In a process of its own, for V8 remembers what it has compiled. Answers what the program said, and whether its cache was refused. */
function runOnce(file: string, cacheFile: string): string[] {
  const asModule = `import { keepCompiled, runProgram } from '${new URL('./load.js', import.meta.url)}';
    const script = runProgram('${file}', '${cacheFile}');
    console.log(String(script.cachedDataRejected));
    if (script.cachedDataRejected === undefined) keepCompiled(script, '${cacheFile}');`;
  const said = execFileSync(process.execPath, ['--input-type=module', '--eval', asModule], { encoding: 'utf8' });
  return said.trim().split('\n');
}

test('a program runs, as any CommonJS module, with what was compiled of it or without', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'load-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const [file, cacheFile] = [join(folder, 'program.cjs'), join(folder, 'program.cache')];
  writeFileSync(file, PROGRAM);
  const says = `program.cjs ${folder.split('/').at(-1)}`;
  t.deepEqual(runOnce(file, cacheFile), [says, 'undefined']);
  t.deepEqual(runOnce(file, cacheFile), [says, 'false']);
  const cache = readFileSync(cacheFile);
  // Another release of V8: its number follows the magic number.
  cache.writeUInt32LE((cache.readUInt32LE(4) ^ 1) >>> 0, 4);
  for (const bad of [cache, cache.subarray(0, 100)]) {
    writeFileSync(cacheFile, bad);
    t.deepEqual(runOnce(file, cacheFile), [says, 'true']);
  }
});
