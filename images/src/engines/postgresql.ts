// PostgreSQL as Debian packages it: where its programs are, which packages carry them, and how to see that they run.
import { access, constants } from 'node:fs/promises';
import { join } from 'node:path';
import { type EngineEntry, EngineError, type FoundEngine } from './engines.ts';
import { runProgram } from './programs.ts';

const VERSION_MS = 20_000;
const PROGRAMS = ['postgres', 'initdb', 'pg_basebackup', 'pg_rewind', 'pg_resetwal', 'pg_controldata'];

export function binFolder(root: string, version: string): string {
  return join(root, 'usr/lib/postgresql', version, 'bin');
}

export function packagesOf(version: string): string[] {
  return [`postgresql-${version}`, `postgresql-client-${version}`];
}

/** The engine in this tree; undefined when a program is missing. @throws EngineError when it is there but does not run */
export async function engineIn(
  root: string,
  version: string,
  options: { readonly mode: EngineEntry['mode']; readonly libraryPath: string | null },
): Promise<FoundEngine | undefined> {
  const bin = binFolder(root, version);
  for (const name of PROGRAMS) {
    try {
      await access(join(bin, name), constants.X_OK);
    } catch {
      return undefined;
    }
  }
  const environment = options.libraryPath === null ? {} : { LD_LIBRARY_PATH: options.libraryPath };
  for (const name of PROGRAMS) {
    const { code, stdout, stderr } = await runProgram(join(bin, name), ['--version'], {
      environment,
      timeoutMs: VERSION_MS,
    });
    const release = /\(PostgreSQL\) (\d+\.\d+)/.exec(stdout)?.[1];
    if (code !== 0 || release === undefined) {
      throw new EngineError(`${join(bin, name)} does not run here: ${(stderr || stdout).trim().split('\n')[0]}`);
    }
    if (name === PROGRAMS.at(-1)) return { mode: options.mode, bin, libraryPath: options.libraryPath, release };
  }
  return undefined;
}
