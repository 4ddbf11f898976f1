// Unpacks an engine beside the system: under a temporary name, renamed when whole, so that a broken-off run leaves
// nothing that looks like an engine and two runs at once end with one of their copies.
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, rename, rm, stat, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Apt } from './apt.ts';
import { EngineError, type EngineRequest, type FoundEngine } from './engines.ts';
import { engineIn, packagingOf } from './find.ts';
import { runProgram } from './programs.ts';

const NEEDED_BYTES = 500 * 1024 * 1024;
const UNPACK_MS = 300_000;
const ENTER_BY_OTHERS = 0o001;

export interface UnpackContext {
  readonly isRoot: boolean;
  /** Told what is being done. */
  readonly progress: (sentence: string) => void;
}

/** The unpacked engine, made unless it is there. @throws EngineError */
export async function unpackedEngine(request: EngineRequest, context: UnpackContext): Promise<FoundEngine> {
  const { datastore, version, directory } = request;
  const place = join(directory, `${datastore}-${version}`);
  const known = await engineAt(place, request);
  if (known !== undefined) return known;

  await checkPlace(directory, context.isRoot);
  const temporary = await mkdtemp(join(directory, `.${datastore}-${version}.`));
  try {
    const tree = join(temporary, 'tree');
    await unpackPackages(tree, { packages: packagingOf(datastore).packages(version), temporary }, context);
    if ((await engineAt(tree, request)) === undefined) {
      throw new EngineError(`The packages of ${datastore} ${version} do not hold what was expected.`);
    }
    // One that was unpacked before more was needed of it.
    if (existsSync(place) && (await engineAt(place, request)) === undefined) await rm(place, { recursive: true });
    await rename(tree, place).catch((error: NodeJS.ErrnoException) => {
      // Somebody else was quicker; theirs is as good.
      if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
    });
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
  const made = await engineAt(place, request);
  if (made === undefined) throw new EngineError(`${place} is not an engine.`);
  return made;
}

/**
 * Unpacks Debian's packages, and the libraries that they need, as a new folder `tree`; `temporary` is for what is
 * downloaded. @throws EngineError when there is no apt, no network or no such package
 */
export async function unpackPackages(
  tree: string,
  from: { readonly packages: readonly string[]; readonly temporary: string },
  context: UnpackContext,
): Promise<void> {
  const apt = new Apt(join(from.temporary, 'apt'), context.isRoot);
  context.progress("Reading the lists of this system's package sources.");
  await apt.update();
  const packages = await apt.closure(from.packages);
  context.progress(`Downloading ${packages.length} packages.`);
  const folder = await apt.download(packages);
  await mkdir(tree);
  for (const name of (await readdir(folder)).filter((file) => file.endsWith('.deb'))) {
    context.progress(`Unpacking ${name}.`);
    const result = await runProgram('dpkg-deb', ['-x', join(folder, name), tree], { timeoutMs: UNPACK_MS });
    if (result.code !== 0) throw new EngineError(`${name} cannot be unpacked: ${result.stderr.trim().split('\n')[0]}`);
  }
  await chmod(tree, 0o755);
}

async function engineAt(
  root: string,
  request: Pick<EngineRequest, 'datastore' | 'version'>,
): Promise<FoundEngine | undefined> {
  if (!existsSync(root)) return undefined;
  const libraries = join(root, 'usr/lib');
  const found = existsSync(libraries) ? await readdir(libraries) : [];
  const folders = found.filter((name) => name.includes('-linux-gnu')).map((name) => join(libraries, name));
  // Programs that bring all of theirs along have none.
  return await engineIn(root, request, { mode: 'unpacked', libraryPath: folders.join(':') || null });
}

/** As root, the database runs as another user, who must be able to get at the engine. */
async function checkPlace(directory: string, isRoot: boolean): Promise<void> {
  const { bavail, bsize } = await statfs(directory);
  if (bavail * bsize < NEEDED_BYTES) {
    const mib = Math.round(NEEDED_BYTES / 1024 / 1024);
    throw new EngineError(`${directory} has too little room: unpacking an engine takes ${mib} MiB.`);
  }
  if (!isRoot) return;
  for (let folder = directory; ; folder = dirname(folder)) {
    const { mode } = await stat(folder);
    if ((mode & ENTER_BY_OTHERS) === 0) {
      throw new EngineError(`${folder} cannot be entered by the user who runs the database; choose another directory.`);
    }
    if (folder === dirname(folder)) return;
  }
}
