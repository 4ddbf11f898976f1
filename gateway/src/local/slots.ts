// Federation slots. A slot is *held* by listening on its door, which the kernel ends with the process, and *reserved* by
// a file that names a home, so that two homes that are started at different times do not share one.
import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { StartError } from './errors.ts';
import { endpointText, SLOT_COUNT, slotDoor } from './layout.ts';

/** The outcome of listening on a slot's door: what gives it up again, or undefined when another has it. */
export type HoldSlot = (slot: number) => Promise<(() => void) | undefined>;

export interface SlotSources {
  /** The home that wants a slot, absolute. */
  readonly home: string;
  /** Where all users of the machine reserve slots. */
  readonly reservations: string;
  readonly hold: HoldSlot;
  /** The slot that a home has written down; undefined when it has none. @throws when that cannot be read */
  readonly slotOf: (home: string) => number | undefined;
}

export interface HeldSlot {
  readonly slot: number;
  readonly release: () => void;
}

/** Takes the home's own slot again. @throws StartError when another process has it. */
export async function holdStoredSlot(slot: number, sources: SlotSources): Promise<HeldSlot> {
  const release = await sources.hold(slot);
  const other = reservationOf(slot, sources);
  if (release === undefined || other !== undefined) {
    release?.();
    const by = other === undefined ? 'another process' : `the federation in ${other}`;
    throw new StartError(
      `Slot ${slot} of this home (${endpointText(slotDoor(slot))}) is held by ${by}. Stop that one, or start with --fresh to get another slot.`,
    );
  }
  reserve(slot, sources);
  return { slot, release };
}

/** Takes the first slot that nobody holds or has reserved. @throws StartError when there is none. */
export async function holdFreeSlot(sources: SlotSources): Promise<HeldSlot> {
  for (let slot = 0; slot < SLOT_COUNT; slot += 1) {
    // While we hold the door nobody else looks at this slot's reservation.
    const release = await sources.hold(slot);
    if (release === undefined) continue;
    if (reservationOf(slot, sources) === undefined && reserve(slot, sources)) return { slot, release };
    release();
  }
  throw new StartError(`All ${SLOT_COUNT} slots for local federations are taken; see ${sources.reservations}.`);
}

/** Listens on a slot's door. */
export const listenOnDoor: HoldSlot = (slot) =>
  new Promise((resolve, reject) => {
    const { address, port } = slotDoor(slot);
    const server = createServer((socket) => socket.destroy());
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(undefined);
      else reject(new StartError(`${address}:${port} cannot be listened on.`, { cause: error }));
    });
    server.listen({ host: address, port }, () => resolve(() => server.close()));
  });

/** The other home that a slot is reserved for, if that one still means it. */
function reservationOf(slot: number, sources: SlotSources): string | undefined {
  let home: string;
  try {
    home = readFileSync(fileOf(slot, sources), 'utf8').trim();
  } catch {
    return undefined;
  }
  if (home === sources.home) return undefined;
  try {
    return sources.slotOf(home) === slot ? home : undefined;
  } catch {
    // Another user's home that we may not look into: its word counts.
    return home;
  }
}

function reserve(slot: number, sources: SlotSources): boolean {
  try {
    prepareFolder(sources.reservations);
    const path = fileOf(slot, sources);
    rmSync(path, { force: true });
    writeFileSync(path, `${sources.home}\n`, { flag: 'wx', mode: 0o644 });
    return true;
  } catch {
    // A void reservation of another user cannot be removed from a sticky folder.
    return false;
  }
}

function prepareFolder(path: string): void {
  try {
    mkdirSync(path);
  } catch {
    return;
  }
  // Everyone may reserve, nobody may remove another's reservation.
  chmodSync(path, 0o1777);
}

function fileOf(slot: number, sources: SlotSources): string {
  return join(sources.reservations, `slot-${slot}`);
}
