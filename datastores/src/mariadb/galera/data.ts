// What lies in a member's data directory: up to where it reaches, what the engine is told of that before a start, and how it
// is made anew. The server never begins without having been asked first what it has: it would otherwise know nothing of
// its last transactions after a crash, and what it calls itself would be believed.
import { DriverError, type Upstream } from '../../driver.ts';
import { empty, initialiseData, tidyCopy, unpackCopy } from '../copy.ts';
import type { Parts } from '../parts.ts';
import type { Layout } from './layout.ts';
import { type GroupPosition, readRecovered, writeGroupPosition } from './position.ts';

/** As long as reading a log of changes may take. */
const RECOVER_MS = 600_000;
const COMPLAINT_CHARACTERS = 300;

export interface GroupParts extends Parts {
  readonly layout: Layout;
}

/** What the data hold; undefined of a database that was in no group yet. @throws DriverError when they cannot be read */
export async function recover({ options, server }: GroupParts): Promise<GroupPosition | undefined> {
  await server.clear();
  const program = server.serverProgram(['--wsrep-recover']);
  const { code, stderr } = await options.processes.run(program, RECOVER_MS);
  if (code !== 0) {
    const lines = stderr.split('\n').filter((line) => /\[ERROR\]/.test(line));
    const complaint = (lines.find((line) => !/Aborting|Plugin/.test(line)) ?? stderr).slice(-COMPLAINT_CHARACTERS);
    throw new DriverError('unavailable', `The data cannot be read: ${complaint}`);
  }
  return readRecovered(stderr);
}

/** Tells the engine what the data hold, in its own files. `begins`: nobody has more, and this one goes on by itself. */
export async function tellPosition(
  { layout, options: { files, owner } }: GroupParts,
  position: GroupPosition | undefined,
  { begins }: { readonly begins: boolean },
): Promise<string[]> {
  if (begins) await files.remove(layout.viewFile);
  if (position === undefined) {
    await files.remove(layout.stateFile);
    return [];
  }
  const { history, sequence } = position;
  const lines = [
    '# GALERA saved state',
    'version: 2.1',
    ...[`uuid:    ${history}`, `seqno:   ${sequence}`, `safe_to_bootstrap: ${begins ? 1 : 0}`],
  ];
  await files.writeDurably(layout.stateFile, `${lines.join('\n')}\n`, { mode: 0o600, owner });
  await files.writeDurably(layout.positionFile, `${writeGroupPosition(position)}\n`, { mode: 0o600, owner });
  return [`--wsrep-start-position=${writeGroupPosition(position)}`];
}

/** The member will not go back to the others by itself: what it noted of who was with it is gone. */
export async function forgetView({ layout, options: { files } }: GroupParts): Promise<void> {
  await files.removeDurably(layout.viewFile);
}

export async function makeEmptyDatabase(parts: GroupParts): Promise<void> {
  await empty(parts);
  await initialiseData(parts);
}

/** In place of what was there. */
export async function copyFrom(parts: GroupParts, source: Upstream): Promise<void> {
  await empty(parts);
  await unpackCopy(parts, source);
  for (const name of ['grastate.dat', 'gvwstate.dat', 'galera.cache', 'donor_galera_info']) {
    await parts.options.files.remove(`${parts.layout.data}/${name}`);
  }
  await tidyCopy(parts);
}
