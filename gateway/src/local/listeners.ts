// Who listens on TCP, as the kernel tells it in /proc/net/tcp and /proc/net/tcp6. A listener on the wildcard address
// takes a port on every loopback address, and an address that is taken cannot be shared: both are named before a start.
import type { Endpoint } from './layout.ts';

/** A listening socket. */
export interface Listener extends Endpoint {
  readonly isWildcard: boolean;
  /** Of IPv6. Such a wildcard takes the port of IPv4 as well, unless its owner said otherwise. */
  readonly isV6: boolean;
  readonly inode: string;
}

/** An address that is wanted, and the listener that has it. */
export interface Conflict {
  readonly wanted: Endpoint;
  readonly listener: Listener;
}

const LISTEN_STATE = '0A';
const V6_WILDCARD = '0'.repeat(32);
/** An IPv4 address within an IPv6 socket: ::ffff:a.b.c.d, each four bytes in the machine's order. */
const V4_IN_V6 = '0000000000000000FFFF0000';

/** Reads the listening sockets out of the text of /proc/net/tcp or tcp6. */
export function parseListeners(text: string): Listener[] {
  return text
    .split('\n')
    .slice(1)
    .flatMap((line) => {
      const fields = line.trim().split(/\s+/);
      const [local, state, inode] = [fields[1], fields[3], fields[9]];
      if (local === undefined || state !== LISTEN_STATE || inode === undefined) return [];
      const [hexAddress = '', hexPort = ''] = local.split(':');
      const isV6 = hexAddress.length === 32;
      const address = isV6 ? v6Text(hexAddress) : v4Text(hexAddress);
      const isWildcard = address === '0.0.0.0' || address === '::';
      return [{ address, port: Number.parseInt(hexPort, 16), isWildcard, isV6, inode }];
    });
}

/** The listeners that stand in the way, one for each port and listener. */
export function findConflicts(listeners: readonly Listener[], wanted: readonly Endpoint[]): Conflict[] {
  const found = new Map<string, Conflict>();
  for (const endpoint of wanted) {
    const listener = listeners.find(
      ({ port, address, isWildcard }) => port === endpoint.port && (isWildcard || address === endpoint.address),
    );
    if (listener !== undefined && !found.has(listener.inode)) found.set(listener.inode, { wanted: endpoint, listener });
  }
  return [...found.values()];
}

/** One sentence: which port, where, by whom, and what to do. */
export function conflictText(conflict: Conflict, owner: { pid: number; command: string } | undefined): string {
  const { listener, wanted } = conflict;
  const where = listener.isWildcard ? 'on every address' : `on ${wanted.address}`;
  const by = owner === undefined ? 'by a process that this user may not see' : `by pid ${owner.pid} (${owner.command})`;
  const isRest = wanted.address === '127.0.0.1';
  const advice = isRest
    ? 'stop it, or choose other ports with "npm start -- --port-base N"'
    : listener.isWildcard
      ? 'stop it, or let it listen on its own address only'
      : 'stop it';
  return `Port ${listener.port} is taken ${where} ${by}; ${advice}.`;
}

function v4Text(hex: string): string {
  // The kernel prints the address as one number in the machine's byte order; x86 and ARM are little-endian.
  const bytes = hex.match(/../g) ?? [];
  return bytes
    .reverse()
    .map((byte) => Number.parseInt(byte, 16))
    .join('.');
}

function v6Text(hex: string): string {
  if (hex === V6_WILDCARD) return '::';
  return hex.startsWith(V4_IN_V6) ? v4Text(hex.slice(V4_IN_V6.length)) : hex;
}
