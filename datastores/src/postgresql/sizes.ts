// How large a server is made, by the memory of its guest. Pure.

export interface Sizes {
  readonly sharedBuffersMib: number;
  readonly maxConnections: number;
}

const LEAST: Sizes = { sharedBuffersMib: 32, maxConnections: 50 };
/** A connection's process and its memory for sorting, roughly. */
const MIB_PER_CONNECTION = 8;
const MOST_CONNECTIONS = 500;

/** A quarter of the memory is what PostgreSQL's own manual advises. `null` is a guest that does not tell its memory. */
export function sizesFor(memoryMib: number | null): Sizes {
  if (memoryMib === null) return LEAST;
  const connections = Math.min(MOST_CONNECTIONS, Math.floor(memoryMib / MIB_PER_CONNECTION));
  return {
    sharedBuffersMib: Math.max(LEAST.sharedBuffersMib, Math.floor(memoryMib / 4)),
    maxConnections: Math.max(LEAST.maxConnections, connections),
  };
}
