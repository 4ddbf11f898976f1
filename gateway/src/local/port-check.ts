// Looks whether the ports of a federation are free, and names who has those that are not.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { StartError } from './errors.ts';
import type { Endpoint } from './layout.ts';
import { type Conflict, conflictText, findConflicts, type Listener, parseListeners } from './listeners.ts';
import { commandOf, holdsSocket, socketOwner } from './process-table.ts';

/** @throws StartError with a sentence for each listener that is in the way. */
export async function checkPorts(wanted: readonly Endpoint[]): Promise<void> {
  const conflicts = await confirm(findConflicts(readListeners(), wanted));
  if (conflicts.length === 0) return;
  const sentences = conflicts.map((conflict) => {
    const pid = socketOwner(conflict.listener.inode);
    const owner = pid === undefined ? undefined : { pid, command: commandOf(pid) ?? 'unknown' };
    return conflictText(conflict, owner);
  });
  throw new StartError(sentences.join('\n'));
}

/**
 * True when this process listens at the address itself: an answer there may be another federation's, which was a moment
 * quicker to take the port.
 */
export function isListeningAt(pid: number, { address, port }: Endpoint): boolean {
  // It may be in a network namespace of its own.
  return readListeners(`/proc/${pid}/net`).some(
    (listener) => listener.port === port && listener.address === address && holdsSocket(pid, listener.inode),
  );
}

/** An IPv6 wildcard may or may not take the port of IPv4: only trying tells. */
async function confirm(conflicts: readonly Conflict[]): Promise<Conflict[]> {
  const confirmed: Conflict[] = [];
  for (const conflict of conflicts) {
    const { listener, wanted } = conflict;
    const isUnsure = listener.isV6 && listener.isWildcard;
    if (!isUnsure || !(await isFree(wanted))) confirmed.push(conflict);
  }
  return confirmed;
}

function isFree({ address, port }: Endpoint): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ host: address, port }, () => server.close(() => resolve(true)));
  });
}

function readListeners(folder = '/proc/net'): Listener[] {
  return ['tcp', 'tcp6'].flatMap((name) => {
    try {
      return parseListeners(readFileSync(`${folder}/${name}`, 'utf8'));
    } catch {
      // A machine without IPv6 has no tcp6.
      return [];
    }
  });
}
