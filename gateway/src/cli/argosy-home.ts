// A local federation's home, as far as a client reads it: who runs where, and who may log in.
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';

/** The repository's root: this file is `gateway/src/cli/` or `gateway/dist/cli/` below it. */
export const REPOSITORY = dirname(dirname(dirname(dirname(fileURLToPath(import.meta.url)))));

const HOME_FOLDER = '.argosy';

const federationFile = z.looseObject({
  peers: z.array(z.looseObject({ id: z.union([z.string(), z.number()]), rest: z.string() })),
  regions: z.array(z.looseObject({ name: z.string(), identity: z.string() })),
});

/** What `federation.json` says of a federation that runs. */
export type LocalFederation = z.infer<typeof federationFile>;

/**
 * The home of a local federation: `ARGOSY_HOME`, else `.argosy` here or in the repository, if there is one.
 */
export function findHome(environment: NodeJS.ProcessEnv, workingDirectory: string): string | undefined {
  const named = environment.ARGOSY_HOME;
  if (named !== undefined && named !== '') return resolve(workingDirectory, named);
  return [join(workingDirectory, HOME_FOLDER), join(REPOSITORY, HOME_FOLDER)].find((home) =>
    existsSync(join(home, 'clouds.yaml')),
  );
}

/** Reads who runs where; undefined when nothing runs from this home. */
export function readFederation(home: string | undefined): LocalFederation | undefined {
  if (home === undefined) return undefined;
  try {
    return federationFile.parse(JSON.parse(readFileSync(join(home, 'federation.json'), 'utf8')));
  } catch {
    return undefined;
  }
}
