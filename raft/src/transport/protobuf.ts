// Protocol Buffers' encoding, as far as raft.proto needs it (protobuf.dev/programming-guides/encoding), with numbers as
// doubles and without a copy. Generated code makes a BigInt and a string of each index and term, which cost more than
// all the rest of a message.
const varintType = 0;
const fixed64Type = 1;
const bytesType = 2;
const fixed32Type = 5;

/** Bytes that are no message of this language. */
export class DecodeError extends Error {
  override readonly name = 'DecodeError';
}

export function varintBytes(value: number): number {
  let bytes = 1;
  for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) bytes += 1;
  return bytes;
}

/** The size of a number's field, whose tag is one byte; what is 0 is left out. */
export function numberFieldBytes(value: number): number {
  return value === 0 ? 0 : 1 + varintBytes(value);
}

/** The size of a field of so many bytes, whose tag is one byte. */
export function bytesFieldBytes(length: number): number {
  return 1 + varintBytes(length) + length;
}

/** Fills a buffer whose size was computed before. Fields are numbered 1 to 15. */
export class ProtobufWriter {
  readonly buffer: Buffer;
  #at = 0;

  constructor(bytes: number) {
    this.buffer = Buffer.allocUnsafe(bytes);
  }

  #varint(value: number): void {
    let rest = value;
    for (; rest >= 128; rest = Math.floor(rest / 128)) {
      this.buffer[this.#at] = (rest % 128) + 128;
      this.#at += 1;
    }
    this.buffer[this.#at] = rest;
    this.#at += 1;
  }

  /** What is 0 is left out. */
  numberField(field: number, value: number): void {
    if (value === 0) return;
    this.#varint(field * 8 + varintType);
    this.#varint(value);
  }

  bytesField(field: number, value: Uint8Array): void {
    this.begin(field, value.length);
    this.buffer.set(value, this.#at);
    this.#at += value.length;
  }

  textField(field: number, value: string, bytes: number): void {
    this.begin(field, bytes);
    this.#at += this.buffer.write(value, this.#at);
  }

  /** Begins a field of so many bytes, which the next calls write. */
  begin(field: number, length: number): void {
    this.#varint(field * 8 + bytesType);
    this.#varint(length);
  }

  get isFull(): boolean {
    return this.#at === this.buffer.length;
  }
}

/** Reads the fields of one message: `next`, then what belongs to the field. All of it throws DecodeError. */
export class ProtobufReader {
  readonly #buffer: Buffer;
  #at: number;
  readonly #end: number;
  #type = varintType;

  constructor(buffer: Buffer, at = 0, end = buffer.length) {
    this.#buffer = buffer;
    this.#at = at;
    this.#end = end;
  }

  /** The number of the next field; 0 at the end. */
  next(): number {
    if (this.#at >= this.#end) return 0;
    const tag = this.#varint();
    this.#type = tag % 8;
    return Math.floor(tag / 8);
  }

  #varint(): number {
    let value = 0;
    for (let factor = 1; factor < 2 ** 63; factor *= 128) {
      const byte = this.#at < this.#end ? this.#buffer[this.#at] : undefined;
      if (byte === undefined) throw new DecodeError('A number is cut off.');
      this.#at += 1;
      if (byte < 128) {
        value += byte * factor;
        if (value > Number.MAX_SAFE_INTEGER) break;
        return value;
      }
      value += (byte - 128) * factor;
    }
    throw new DecodeError('A number is 2^53 or more.');
  }

  number(): number {
    if (this.#type !== varintType) throw new DecodeError('A number was expected.');
    return this.#varint();
  }

  /** Not a copy. */
  bytes(): Buffer {
    const [begin, end] = this.#take();
    return this.#buffer.subarray(begin, end);
  }

  text(): string {
    const [begin, end] = this.#take();
    return this.#buffer.toString('utf8', begin, end);
  }

  /** A message within this one. */
  message(): ProtobufReader {
    const [begin, end] = this.#take();
    return new ProtobufReader(this.#buffer, begin, end);
  }

  #take(): readonly [begin: number, end: number] {
    if (this.#type !== bytesType) throw new DecodeError('Bytes were expected.');
    const length = this.#varint();
    const begin = this.#at;
    if (begin + length > this.#end) throw new DecodeError('Bytes are cut off.');
    this.#at += length;
    return [begin, this.#at];
  }

  /** Passes over a field that this version does not know. */
  skip(): void {
    if (this.#type === varintType) this.#skipVarint();
    else if (this.#type === bytesType) this.#take();
    else if (this.#type === fixed64Type) this.#at += 8;
    else if (this.#type === fixed32Type) this.#at += 4;
    else throw new DecodeError(`A field of the unknown kind ${this.#type}.`);
    if (this.#at > this.#end) throw new DecodeError('A field is cut off.');
  }

  /** It may be larger than numbers are here. */
  #skipVarint(): void {
    while ((this.#buffer[this.#at] ?? 0) >= 128) this.#at += 1;
    this.#at += 1;
  }
}
