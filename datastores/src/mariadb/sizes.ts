// How large a server is made, by the memory of its guest. Pure.

export interface Sizes {
  readonly bufferPoolMib: number;
  readonly logFileMib: number;
  readonly maxConnections: number;
}

const LEAST: Sizes = { bufferPoolMib: 24, logFileMib: 8, maxConnections: 50 };
/** Of its log of changes; a larger one makes recovery long. */
const MOST_LOG_MIB = 512;
/** A connection's thread and its buffers, roughly. */
const MIB_PER_CONNECTION = 6;
const MOST_CONNECTIONS = 500;

/** Half of the memory is what is left beside connections and the system. `null` is a guest that does not tell its memory. */
export function sizesFor(memoryMib: number | null): Sizes {
  if (memoryMib === null) return LEAST;
  const connections = Math.min(MOST_CONNECTIONS, Math.floor(memoryMib / MIB_PER_CONNECTION));
  return {
    bufferPoolMib: Math.max(LEAST.bufferPoolMib, Math.floor(memoryMib / 2)),
    logFileMib: Math.max(LEAST.logFileMib, Math.min(MOST_LOG_MIB, Math.floor(memoryMib / 16))),
    maxConnections: Math.max(LEAST.maxConnections, connections),
  };
}
