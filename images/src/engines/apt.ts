// Debian's packages without being root and without installing: apt works in folders of its own, with an empty list of
// what is installed, so that it neither needs nor changes the system's.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { EngineError } from './engines.ts';
import { type ProgramOutput, runProgram } from './programs.ts';

const UPDATE_MS = 300_000;
const QUERY_MS = 60_000;
const DOWNLOAD_MS = 900_000;
/** A dependency chain this long is a loop. */
const MAX_ROUNDS = 20;

/**
 * What every Debian has because apt itself needs it. Another libc beside the system's breaks every program; LLVM is
 * only for the just-in-time compiler, which is off.
 */
const FROM_THE_SYSTEM =
  /^(libc6|libc-bin|libgcc-s1|libstdc\+\+6|libcrypt1|libllvm\d+|libperl.*|libpam-.*|libc-(dev|l10n).*)$/;

export class Apt {
  readonly #folder: string;
  readonly #isRoot: boolean;

  constructor(folder: string, isRoot: boolean) {
    this.#folder = folder;
    this.#isRoot = isRoot;
  }

  /** Reads the lists of the system's sources anew. @throws EngineError when there is no apt or no network */
  async update(): Promise<void> {
    for (const name of ['state/lists/partial', 'cache/archives/partial', 'packages']) {
      await mkdir(join(this.#folder, name), { recursive: true });
    }
    await writeFile(join(this.#folder, 'status'), '');
    const result = await this.#run('apt-get', ['update', '--error-on=any'], UPDATE_MS);
    if (result.code === 0) return;
    const complaint = result.stderr.split('\n').find((line) => /^[EW]:/.test(line)) ?? 'it says nothing more';
    throw new EngineError(`The lists of packages cannot be fetched; unpacking needs the network: ${complaint}`);
  }

  /** The packages with everything they link against that a Debian may lack. @throws EngineError for unknown packages */
  async closure(packages: readonly string[]): Promise<string[]> {
    const found = new Set(packages);
    let fresh = [...packages];
    for (let round = 0; fresh.length > 0 && round < MAX_ROUNDS; round++) {
      const result = await this.#run('apt-cache', ['depends', '--no-recommends', '--no-suggests', ...fresh], QUERY_MS);
      if (result.code !== 0) {
        throw new EngineError(`This system's package sources do not have ${fresh.join(', ')}.`);
      }
      fresh = readDepends(result.stdout).filter((name) => !found.has(name));
      for (const name of fresh) found.add(name);
    }
    return [...found].sort();
  }

  /** Downloads packages and answers where they lie. */
  async download(packages: readonly string[]): Promise<string> {
    const folder = join(this.#folder, 'packages');
    const result = await this.#run('apt-get', ['download', ...packages], DOWNLOAD_MS, folder);
    if (result.code === 0) return folder;
    const complaint = result.stderr.split('\n').find((line) => line.startsWith('E:')) ?? 'apt says nothing more';
    throw new EngineError(`The packages cannot be downloaded: ${complaint}`);
  }

  async #run(program: string, args: readonly string[], timeoutMs: number, folder?: string): Promise<ProgramOutput> {
    const settings = [
      `Dir::State=${join(this.#folder, 'state')}`,
      `Dir::State::Lists=${join(this.#folder, 'state/lists')}`,
      `Dir::State::status=${join(this.#folder, 'status')}`,
      `Dir::Cache=${join(this.#folder, 'cache')}`,
      'APT::Get::List-Cleanup=false',
      'Acquire::Languages=none',
      'Acquire::Retries=2',
      ...(this.#isRoot ? ['APT::Sandbox::User=root'] : []),
    ].flatMap((setting) => ['-o', setting]);
    const result = await runProgram(program, [...settings, ...args], {
      timeoutMs,
      ...(folder === undefined ? {} : { folder }),
    });
    if (result.code === undefined && /ENOENT/.test(result.stderr)) {
      throw new EngineError(
        `There is no ${program}: install the engine, or run on a system with apt (Debian, Ubuntu).`,
      );
    }
    return result;
  }
}

/** The libraries named in what `apt-cache depends` prints; the first of alternatives, nothing virtual. */
export function readDepends(text: string): string[] {
  const names: string[] = [];
  let isAlternative = false;
  for (const line of text.split('\n')) {
    const match = /^ ([ |])(?:Pre)?Depends: ([a-z0-9.+-]+)$/.exec(line);
    if (match === null) continue;
    const name = match[2] ?? '';
    if (!isAlternative && name.startsWith('lib') && !FROM_THE_SYSTEM.test(name)) names.push(name);
    isAlternative = match[1] === '|';
  }
  return [...new Set(names)];
}
