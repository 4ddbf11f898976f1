// The state that the benchmark's raft-ts peers replicate: values by key. A command is an encoded PutRequest.
import type { CommittedEntry, StateMachine } from 'raft-ts';
import { PutRequest } from '../../generated/etcd/kv.ts';

const LENGTH_BYTES = 4;

export class KeyValues implements StateMachine {
  /** Both in Latin-1, a byte a letter: strings lie in the heap, where a Buffer for each value would cost twice its size. */
  readonly #values = new Map<string, { readonly value: string; readonly index: number }>();

  get(key: Buffer): { readonly value: Buffer; readonly index: number } | undefined {
    const found = this.#values.get(key.toString('latin1'));
    return found === undefined ? undefined : { value: Buffer.from(found.value, 'latin1'), index: found.index };
  }

  apply({ data, index }: CommittedEntry): number {
    const { key, value } = PutRequest.decode(data);
    this.#values.set(key.toString('latin1'), { value: value.toString('latin1'), index });
    return index;
  }

  snapshot(): Uint8Array {
    const parts: Buffer[] = [];
    for (const [key, { value, index }] of this.#values) {
      const sizes = Buffer.alloc(2 * LENGTH_BYTES + 8);
      sizes.writeUInt32LE(key.length, 0);
      sizes.writeUInt32LE(value.length, LENGTH_BYTES);
      sizes.writeDoubleLE(index, 2 * LENGTH_BYTES);
      parts.push(sizes, Buffer.from(key + value, 'latin1'));
    }
    return Buffer.concat(parts);
  }

  restore(data: Uint8Array): void {
    this.#values.clear();
    const buffer = Buffer.from(data);
    for (let at = 0; at < buffer.length; ) {
      const keyEnd = at + 2 * LENGTH_BYTES + 8 + buffer.readUInt32LE(at);
      const end = keyEnd + buffer.readUInt32LE(at + LENGTH_BYTES);
      const index = buffer.readDoubleLE(at + 2 * LENGTH_BYTES);
      const key = buffer.toString('latin1', at + 2 * LENGTH_BYTES + 8, keyEnd);
      this.#values.set(key, { value: buffer.toString('latin1', keyEnd, end), index });
      at = end;
    }
  }
}

/** The n-th key of those that the load writes again and again, and a value of so many bytes. */
export function sampleRequest(count: number, valueBytes: number): PutRequest {
  return { key: sampleKey(count), value: Buffer.alloc(valueBytes, 97 + (count % 26)) };
}

/** Keys that the load writes; the first put of each makes it. */
const KEYS = 10_000;

export function sampleKey(count: number): Buffer {
  // A step that has no divisor in common with the number of keys visits all of them, in no order.
  return Buffer.from(`key-${String((count * 7_919) % KEYS).padStart(8, '0')}`);
}
