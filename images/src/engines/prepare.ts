// Finds or makes an engine, and writes down where it is.
import { mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { datastores } from '@argosy/datastores';
import {
  type EngineEntry,
  EngineError,
  type EngineRequest,
  type Engines,
  enginesSchema,
  type FoundEngine,
} from './engines.ts';
import { engineIn } from './find.ts';
import { templateOf } from './template.ts';
import { type UnpackContext, unpackedEngine } from './unpack.ts';

const LOCK_WAIT_MS = 10_000;
const LOCK_POLL_MS = 20;
/** Whoever holds the lock writes one small file; an older lock is a dead process's. */
const LOCK_STALE_MS = 5_000;

/** The list of engines in `directory`. */
export function enginesFile(directory: string): string {
  return join(directory, 'engines.json');
}

/**
 * Makes this engine available and answers all that are, by datastore and version. May be repeated, also by two at once.
 * @throws EngineError that says what is needed
 */
export async function prepareEngine(request: EngineRequest, context: UnpackContext): Promise<Engines> {
  const { datastore, version } = request;
  const definition = datastores.find(datastore);
  if (definition === undefined) {
    const nearest = datastores.nearest(datastore);
    throw new EngineError(
      `There is no datastore "${datastore}".${nearest === undefined ? '' : ` Did you mean ${nearest}?`}`,
    );
  }
  if (!definition.versions.includes(version)) {
    throw new EngineError(`${datastore} ${version} is not supported; there is ${definition.versions.join(', ')}.`);
  }
  const absolute = { ...request, directory: resolve(request.directory) };
  await mkdir(absolute.directory, { recursive: true, mode: 0o755 });
  const engine = await findEngine(absolute, context);
  const template = await templateOf(absolute, engine, context);
  return await record(absolute, template === undefined ? engine : { ...engine, template });
}

async function findEngine(request: EngineRequest, context: UnpackContext): Promise<FoundEngine> {
  if (request.mode !== 'unpacked') {
    const system = await engineIn('/', request, { mode: 'system', libraryPath: null });
    if (system !== undefined) return system;
    if (request.mode === 'system') {
      throw new EngineError(`${request.datastore} ${request.version} is not installed on this system.`);
    }
    context.progress(`${request.datastore} ${request.version} is not installed; unpacking it.`);
  }
  return await unpackedEngine(request, context);
}

async function record(request: EngineRequest, entry: EngineEntry): Promise<Engines> {
  const path = enginesFile(request.directory);
  const lock = `${path}.lock`;
  await takeLock(lock);
  try {
    const known = await readEngines(path);
    const engines = { ...known, [request.datastore]: { ...known[request.datastore], [request.version]: entry } };
    await writeFile(`${path}.new`, `${JSON.stringify(engines, undefined, 2)}\n`, { mode: 0o644 });
    await rename(`${path}.new`, path);
    return engines;
  } finally {
    await rm(lock, { force: true });
  }
}

async function readEngines(path: string): Promise<Engines> {
  try {
    return enginesSchema.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch {
    // None yet, or of another version of Argosy: each is found again when it is asked for.
    return {};
  }
}

async function takeLock(lock: string): Promise<void> {
  for (let waitedMs = 0; waitedMs < LOCK_WAIT_MS; waitedMs += LOCK_POLL_MS) {
    try {
      await writeFile(lock, '', { flag: 'wx' });
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const age = await stat(lock).then(
      (found) => Date.now() - found.mtimeMs,
      () => 0,
    );
    if (age > LOCK_STALE_MS) await rm(lock, { force: true });
    await new Promise((resolve) => setTimeout(resolve, LOCK_POLL_MS));
  }
  throw new EngineError(`${lock} is held by somebody; remove it if nobody prepares engines.`);
}
