// An archive of an empty database, made once for a release of the engine: unpacking it takes a tenth of making one. It
// holds no password, and whoever unpacks it owns what comes out, so anybody may read it.
import { createHash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { chmod, chown, link, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { EngineError, type EngineRequest, type FoundEngine } from './engines.ts';
import { packagingOf } from './find.ts';
import type { TemplateRecipe } from './packaging.ts';
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
  if (!existsSync(path)) await make(path, engine, { isRoot, template });
  if (!existsSync(digestOf(path))) await writeDigest(path);
  return path;
}

interface Making {
  readonly isRoot: boolean;
  readonly template: TemplateRecipe;
}

/** What somebody else has made in the meantime stays. @throws EngineError */
async function make(path: string, engine: FoundEngine, { isRoot, template }: Making): Promise<void> {
  // Of one that is not there any more.
  await rm(digestOf(path), { force: true });
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
    const archive = await mkdtemp(join(dirname(path), '.template-'));
    try {
      const made = join(archive, 'template.tar');
      const excluding = template.exclude.flatMap((pattern) => ['--exclude', pattern]);
      const packing = ['--create', '--file', made, ...excluding, '--directory', data, '.'];
      await run('tar', packing, { timeoutMs: PACK_MS });
      await chmod(made, 0o644);
      await link(made, path).catch(forgiveExisting);
    } finally {
      await rm(archive, { recursive: true, force: true });
    }
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

/** What names the template's content: data that began as it, and those that began as another machine's, may be the same. */
function digestOf(path: string): string {
  return `${path}.sha256`;
}

async function writeDigest(path: string): Promise<void> {
  const digest = createHash('sha256');
  for await (const piece of createReadStream(path)) digest.update(piece as Buffer);
  const written = await mkdtemp(join(dirname(path), '.template-'));
  try {
    await writeFile(join(written, 'digest'), `${digest.digest('hex')}\n`, { mode: 0o644 });
    await rename(join(written, 'digest'), digestOf(path));
  } finally {
    await rm(written, { recursive: true, force: true });
  }
}

function forgiveExisting(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EEXIST') throw error;
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
