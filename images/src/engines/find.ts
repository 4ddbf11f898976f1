// Finds an engine in a tree of files, and sees that its programs run.
import { access, constants } from 'node:fs/promises';
import { join } from 'node:path';
import { type EngineEntry, EngineError, type FoundEngine } from './engines.ts';
import type { Packaging } from './packaging.ts';
import { packagings } from './packagings.ts';
import { runProgram } from './programs.ts';

const VERSION_MS = 20_000;

/** @throws EngineError for a datastore that nobody has packaged */
export function packagingOf(datastore: string): Packaging {
  const packaging = packagings[datastore];
  if (packaging === undefined) throw new EngineError(`It is not known which packages ${datastore} comes in.`);
  return packaging;
}

/** The engine in this tree; undefined when a program is missing, or is of another version. @throws EngineError when it is there but does not run */
export async function engineIn(
  root: string,
  { datastore, version }: { readonly datastore: string; readonly version: string },
  options: { readonly mode: EngineEntry['mode']; readonly libraryPath: string | null },
): Promise<FoundEngine | undefined> {
  const packaging = packagingOf(datastore);
  const bin = packaging.bin(root, version);
  const needed = [
    ...packaging.programs.map((name) => [name, constants.X_OK] as const),
    ...(packaging.loaded ?? []).map((name) => [name, constants.R_OK] as const),
  ];
  for (const [name, mode] of needed) {
    try {
      await access(join(bin, name), mode);
    } catch {
      return undefined;
    }
  }
  const environment = options.libraryPath === null ? {} : { LD_LIBRARY_PATH: options.libraryPath };
  let found: string | undefined;
  for (const name of packaging.asked) {
    const { code, stdout, stderr } = await runProgram(join(bin, name), ['--version'], {
      environment,
      timeoutMs: VERSION_MS,
    });
    const release = packaging.release(stdout);
    if (code !== 0 || release === undefined) {
      throw new EngineError(`${join(bin, name)} does not run here: ${(stderr || stdout).trim().split('\n')[0]}`);
    }
    if (!isOf(release, version)) return undefined;
    found = release;
  }
  return found === undefined
    ? undefined
    : { mode: options.mode, bin, libraryPath: options.libraryPath, release: found };
}

/** 15.18 is of version 15, 7.0.15 of 7.0. */
function isOf(release: string, version: string): boolean {
  return release === version || release.startsWith(`${version}.`);
}
