// An archive of an empty database, made once for a release of the engine: unpacking it takes a tenth of making one. It
// holds no password, and whoever unpacks it owns what comes out, so anybody may read it.
import { existsSync } from 'node:fs';
import { chmod, chown, mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EngineError, type EngineRequest, type FoundEngine } from './engines.ts';
import { packagingOf } from './find.ts';
import { runProgram } from './programs.ts';
import type { UnpackContext } from './unpack.ts';

const MAKE_MS = 120_000;
const PACK_MS = 120_000;
/** A database's programs refuse root; every system has this user. */
const UNPRIVILEGED = 'nobody';

/**
 * The archive for this engine, made unless it is there; undefined when it has none. May be repeated, also by two at once.
 * @throws EngineError
 */
export async function templateOf(
  { datastore, version, directory }: EngineRequest,
  engine: FoundEngine,
  { isRoot }: UnpackContext,
): Promise<string | undefined> {
  const { template } = packagingOf(datastore);
  if (template === null) return undefined;
  const path = join(directory, `${datastore}-${version}-${engine.release}.template.tar`);
  if (existsSync(path)) return path;

  const temporary = await mkdtemp(join(tmpdir(), 'argosy-template-'));
  try {
    const identity = isRoot ? await identityOf(UNPRIVILEGED) : undefined;
    const data = join(temporary, 'data');
    await mkdir(data, { mode: 0o700 });
    if (identity !== undefined) {
      await chmod(temporary, 0o755);
      await chown(data, identity.uid, identity.gid);
    }
    const libraries = engine.libraryPath === null ? {} : { LD_LIBRARY_PATH: engine.libraryPath };
    const program = template.program(data, engine.bin);
    await run(join(engine.bin, program.name), program.arguments, {
      ...{ ...identity, folder: data, timeoutMs: MAKE_MS },
      environment: { ...libraries, LC_ALL: 'C.UTF-8' },
    });
    // On the same file system as the archive's place, so that it appears whole.
    const archive = await mkdtemp(join(directory, '.template-'));
    try {
      const made = join(archive, 'template.tar');
      const excluding = template.exclude.flatMap((pattern) => ['--exclude', pattern]);
      const packing = ['--create', '--file', made, ...excluding, '--directory', data, '.'];
      await run('tar', packing, { timeoutMs: PACK_MS });
      await chmod(made, 0o644);
      await rename(made, path);
    } finally {
      await rm(archive, { recursive: true, force: true });
    }
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
  return path;
}

async function run(path: string, args: readonly string[], options: Parameters<typeof runProgram>[2]): Promise<void> {
  const { code, stderr } = await runProgram(path, args, options);
  if (code === 0) return;
  throw new EngineError(`An empty database cannot be made: ${path} ended with ${code}: ${stderr.trim().slice(-300)}`);
}

async function identityOf(name: string): Promise<{ uid: number; gid: number }> {
  const users = (await readFile('/etc/passwd', 'utf8')).split('\n').map((line) => line.split(':'));
  const user = users.find(([known]) => known === name);
  if (user === undefined) throw new EngineError(`There is no user "${name}" to make an empty database as.`);
  return { uid: Number(user[2]), gid: Number(user[3]) };
}
