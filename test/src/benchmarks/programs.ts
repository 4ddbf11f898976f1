// The programs of peers, and of what is made by hand: the engines that the product itself would run on this machine, and
// those that are unpacked only here.
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { datastores } from '@argosy/datastores';
import { type EngineEntry, prepareEngine } from '@argosy/images';

export const enginesFolder = fileURLToPath(new URL('../../../.argosy/bench', import.meta.url));

export function progress(sentence: string): void {
  process.stderr.write(`${sentence}\n`);
}

/** Of the datastore's default version. @throws Error when it cannot be had */
export async function benchEngine(datastore: string): Promise<EngineEntry> {
  const isRoot = process.getuid?.() === 0;
  const directory = join(tmpdir(), `argosy-engines-${userInfo().uid}`);
  const version = datastores.find(datastore)?.defaultVersion ?? '';
  const engines = await prepareEngine({ datastore, version, directory }, { isRoot, progress });
  const engine = engines[datastore]?.[version];
  if (engine === undefined) throw new Error(`There is no ${datastore} ${version}.`);
  return engine;
}
