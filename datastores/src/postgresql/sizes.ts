// How large a server is made, by the memory of its guest. Pure.

export interface Sizes {
  readonly sharedBuffersMib: number;
}

const LEAST: Sizes = { sharedBuffersMib: 32 };

/** A quarter of the memory is what PostgreSQL's own manual advises. `null` is a guest that does not tell its memory. */
export function sizesFor(memoryMib: number | null): Sizes {
  if (memoryMib === null) return LEAST;
  return { sharedBuffersMib: Math.max(LEAST.sharedBuffersMib, Math.floor(memoryMib / 4)) };
}
