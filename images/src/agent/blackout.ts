// A member that a drill has killed stays dead for a while: whatever starts the agent again, it waits before it listens or
// touches the database. The time is written down before anything ends, and has a bound, so that the member returns by
// itself also when nobody is left who could call it back.
import { join } from 'node:path';
import { readIfThere, writeDurably } from '@argosy/datastores/drivers';
import { type Clock, pause } from '@argosy/proto';
import * as z from 'zod';

/** An hour. */
const MAX_DARK_MS = 3_600_000;
const MODE = 0o600;

const markSchema = z.object({ drillId: z.string(), until: z.iso.datetime() });

export interface Blackout {
  readonly drillId: string;
  readonly forMs: number;
}

/** Writes down that the agent stays dark. False when this drill has had it die already. */
export async function keepDark(folder: string, { drillId, forMs }: Blackout, clock: Clock): Promise<boolean> {
  const known = await readMark(folder);
  if (known?.drillId === drillId) return false;
  const until = new Date(clock.now().getTime() + Math.min(forMs, MAX_DARK_MS)).toISOString();
  await writeDurably(markFile(folder), JSON.stringify({ drillId, until }), { mode: MODE });
  return true;
}

/** Waits until the dark is over, if there is any. The mark stays: by it a repeat is known. @throws when told to end */
export async function waitInTheDark(folder: string, clock: Clock, signal: AbortSignal): Promise<void> {
  const mark = await readMark(folder);
  if (mark === undefined) return;
  const leftMs = Date.parse(mark.until) - clock.now().getTime();
  // A clock that was set back must not keep a member dark for ever.
  if (leftMs > 0) await pause(clock, Math.min(leftMs, MAX_DARK_MS), signal);
  signal.throwIfAborted();
}

async function readMark(folder: string): Promise<z.infer<typeof markSchema> | undefined> {
  const text = await readIfThere(markFile(folder));
  if (text === undefined) return undefined;
  try {
    return markSchema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

function markFile(folder: string): string {
  return join(folder, 'blackout.json');
}
