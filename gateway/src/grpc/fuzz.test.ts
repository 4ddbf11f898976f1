import * as grpc from '@grpc/grpc-js';
import test from 'ava';
import { sequence } from '../conductor/world-for-tests.ts';
import { clusters, datastores, events, madeGrpc, operations, quotas, readError, regions } from './server-for-tests.ts';

/** `ARGOSY_FUZZ_REQUESTS=10000 ARGOSY_FUZZ_SEED=7 npx ava gateway/src/grpc/fuzz.test.ts` goes further. */
const REQUESTS = Number(process.env.ARGOSY_FUZZ_REQUESTS ?? 600);
const SEED = Number(process.env.ARGOSY_FUZZ_SEED ?? 1);
const AT_ONCE = 8;
const DEADLINE_MS = 20_000;
/** A watch that was let in is ended after so long. */
const WATCH_MS = 30;

const METHODS = [clusters, operations, regions, datastores, quotas, events].flatMap((service) =>
  Object.values(service),
);
const TOKENS = ['demo', 'demo', 'demo', 'admin', 'viewer', 'stranger', 'nobody', 'forged', '', '__proto__'];
const TEXTS = [
  'orders',
  'id-1',
  'postgresql',
  '15',
  'north',
  '',
  '1',
  '0',
  'x',
  '\0',
  '🦦',
  '__proto__',
  'a'.repeat(5_000),
];
const NUMBERS = [0, 1, 2, 3, 5, 7, 99, 2 ** 31, 2 ** 32 - 1];
const KEYS = ['x-openstack-request-id', 'idempotency-key', 'consistency', 'dry_run'];

/** Draws messages out of bytes: fields of any number and kind, nested, and now and then no message at all. */
class Fuzzer {
  readonly #random: () => number;

  constructor(random: () => number) {
    this.#random = random;
  }

  message(depth = 0): Buffer {
    if (this.chance(0.05)) return Buffer.from(Array.from({ length: this.below(40) }, () => this.below(256)));
    const fields = Array.from({ length: this.below(6) }, () => this.#field(depth));
    const bytes = Buffer.concat(fields);
    return this.chance(0.05) ? bytes.subarray(0, this.below(bytes.length + 1)) : bytes;
  }

  #field(depth: number): Buffer {
    const number = 1 + this.below(8);
    if (this.chance(0.4)) return Buffer.concat([varint(number * 8), varint(this.pick(NUMBERS))]);
    const isNested = depth < 4 && this.chance(0.6);
    const content = isNested
      ? this.message(depth + 1)
      : Buffer.from(this.pick(TEXTS), this.chance(0.9) ? 'utf8' : 'hex');
    return Buffer.concat([varint(number * 8 + 2), varint(content.length), content]);
  }

  pick<Element>(elements: readonly Element[]): Element {
    return elements[this.below(elements.length)] as Element;
  }

  below(limit: number): number {
    return Math.floor(this.#random() * limit);
  }

  chance(share: number): boolean {
    return this.#random() < share;
  }
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Buffer.from([...bytes, rest]);
    bytes.push((rest % 128) + 128);
  }
}

const asIs = (bytes: Buffer): Buffer => bytes;

test('whatever is sent is answered, never as a fault of ours, and with what is wrong with it', async (t) => {
  t.timeout(600_000);
  const { address, ask, events: watched, world } = await madeGrpc(t, { quotas: { clusters: 5 } });
  const client = new grpc.Client(address, grpc.credentials.createInsecure());
  t.teardown(() => client.close());
  const fuzzer = new Fuzzer(sequence(SEED));
  const tally = new Map<string, number>();
  const faults: string[] = [];
  const one = async (): Promise<void> => {
    const { path, responseStream } = fuzzer.pick(METHODS);
    const bytes = fuzzer.message();
    const metadata = new grpc.Metadata();
    metadata.set('x-auth-token', fuzzer.pick(TOKENS));
    if (fuzzer.chance(0.2)) metadata.set(fuzzer.pick(KEYS), 'x'.repeat(fuzzer.below(3_000)));
    const error = await new Promise<grpc.ServiceError | null>((resolve) => {
      const options = { deadline: Date.now() + (responseStream ? WATCH_MS : DEADLINE_MS) };
      if (!responseStream) client.makeUnaryRequest(path, asIs, asIs, bytes, metadata, options, (told) => resolve(told));
      else client.makeServerStreamRequest(path, asIs, asIs, bytes, metadata, options).on('error', resolve).resume();
    });
    const { code, reason, message } = error === null ? { code: 'OK' } : readError(error);
    tally.set(code, (tally.get(code) ?? 0) + 1);
    const isNamed = ['OK', 'DEADLINE_EXCEEDED'].includes(code) || (reason !== undefined && (message ?? '').length > 9);
    if (['INTERNAL', 'UNKNOWN'].includes(code) || !isNamed || (code === 'DEADLINE_EXCEEDED' && !responseStream))
      faults.push(`${path} ${bytes.toString('hex').slice(0, 200)} -> ${code} ${reason} ${message}`);
  };
  let remaining = REQUESTS;
  const worker = async (): Promise<void> => {
    for (; remaining > 0; remaining -= 1) await one();
  };
  await Promise.allSettled(Array.from({ length: AT_ONCE }, worker));
  t.log(`seed ${SEED}: ${JSON.stringify(Object.fromEntries([...tally].sort()))}`);

  t.deepEqual(faults.slice(0, 5), []);
  t.true((tally.get('OK') ?? 0) > REQUESTS / 20);
  t.true((tally.get('INVALID_ARGUMENT') ?? 0) > REQUESTS / 20);
  t.is((await ask(clusters.listClusters, {})).code, 'OK');
  t.true(world.federation.clusters().length <= 5);
  while (watched.watchers() > 0) await new Promise((resolve) => setTimeout(resolve, 5));
});
