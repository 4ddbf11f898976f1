// Runs the bundled program with what V8 had compiled of it when the bundle was made: compiling is half of an agent's start.
// The code cache belongs to one release of Node; another one refuses it, and compiles.
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { Script } from 'node:vm';

/** The word on the command line that only loads the program, and keeps what was compiled of it. */
export const KEEP = 'keep-compiled';

interface ProgramModule {
  readonly exports: object;
}

type Wrapped = (exports: object, require: NodeJS.Require, module: ProgramModule, file: string, folder: string) => void;

/**
 * Runs the CommonJS program in `file`, which is all ASCII; `cacheFile` need not be there. A cache is taken for that of any
 * program of the same length (V8's own check), so that another program must have another name.
 */
export function runProgram(file: string, cacheFile: string): Script {
  const source = readFileSync(file, 'latin1');
  const cachedData = readCache(cacheFile);
  const script = new Script(`(function(exports,require,module,__filename,__dirname){${source}\n})`, {
    filename: file,
    ...(cachedData !== undefined && { cachedData }),
  });
  const module: ProgramModule = { exports: {} };
  (script.runInThisContext() as Wrapped)(module.exports, createRequire(file), module, file, dirname(file));
  return script;
}

/** Of all functions of the script that have run by now. */
export function keepCompiled(script: Script, cacheFile: string): void {
  const temporary = `${cacheFile}.new`;
  writeFileSync(temporary, script.createCachedData());
  renameSync(temporary, cacheFile);
}

function readCache(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
}
