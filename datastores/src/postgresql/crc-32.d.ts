// The package declares the types of its CRC-32 alone.
declare module 'crc-32/crc32c.js' {
  const crc32c: {
    /** CRC-32C (Castagnoli) of the bytes, as a signed number of 32 bits. */
    buf(bytes: ArrayLike<number>, seed?: number): number;
  };
  export = crc32c;
}
