import { INTROSPECTION_METHODS } from '@argosy/proto/introspection';
import { fromBinary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import * as grpc from '@grpc/grpc-js';
import test from 'ava';
import { serveGrpc } from './server-for-tests.ts';

const asIs = (bytes: Buffer): Buffer => bytes;
const [CHECK, , , V1, V1ALPHA] = INTROSPECTION_METHODS;
/** `list_services` and `file_containing_symbol` of ServerReflectionRequest. */
const LIST_SERVICES = Buffer.from([0x3a, 0x00]);
const symbolRequest = (name: string): Buffer => Buffer.from([0x22, name.length, ...Buffer.from(name)]);

/** The answer's bytes. */
function reflect(client: grpc.Client, path: string, request: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const stream = client.makeBidiStreamRequest(path, asIs, asIs);
    stream.once('data', (answer: Buffer) => {
      resolve(answer);
      stream.end();
    });
    stream.once('error', reject);
    stream.write(request);
  });
}

test('reflection lists the services, and only those, to whom has no token', async (t) => {
  const { address } = await serveGrpc(t);
  const client = new grpc.Client(address, grpc.credentials.createInsecure());
  t.teardown(() => client.close());
  for (const path of [V1, V1ALPHA]) {
    const text = (await reflect(client, path, LIST_SERVICES)).toString('latin1');
    const named = [...text.matchAll(/(?:argosy|grpc)\.[a-z0-9.]+\.[A-Z][A-Za-z]+/g)].map(([name]) => name);
    t.deepEqual(named.sort(), [
      ...['argosy.v2.ClusterService', 'argosy.v2.DatabaseService', 'argosy.v2.DatastoreService'],
      ...['argosy.v2.DrillService', 'argosy.v2.EventService', 'argosy.v2.OperationService'],
      ...['argosy.v2.ProjectLinkService', 'argosy.v2.QuotaService', 'argosy.v2.RegionService'],
      ...['argosy.v2.UserService', 'grpc.health.v1.Health'],
    ]);
  }
});

test('reflection shows our files as they were written: what is optional stays so', async (t) => {
  const { address } = await serveGrpc(t);
  const client = new grpc.Client(address, grpc.credentials.createInsecure());
  t.teardown(() => client.close());
  const answer = await reflect(client, V1, symbolRequest('argosy.v2.Topology'));
  const files = descriptorsIn(answer);
  const topology = files.flatMap(({ messageType }) => messageType).find(({ name }) => name === 'Topology');

  t.deepEqual(
    topology?.field.map(({ name, proto3Optional }) => [name, proto3Optional]),
    [
      ['voters', true],
      ['replicas', true],
      ['arbiters', true],
      ['mode', true],
    ],
  );
});

/** The files in a ServerReflectionResponse: field 4, and in it field 1. */
function descriptorsIn(answer: Buffer) {
  const outer = bytesOf(answer, 4)[0] ?? Buffer.alloc(0);
  return bytesOf(outer, 1).map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes));
}

/** Of a message whose fields all are counted bytes. */
function bytesOf(message: Buffer, wished: number): Buffer[] {
  const found: Buffer[] = [];
  let at = 0;
  const varint = (): number => {
    for (let value = 0, factor = 1; ; factor *= 128) {
      const byte = message[at++] ?? 0;
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
  };
  while (at < message.length) {
    const number = Math.floor(varint() / 8);
    const length = varint();
    if (number === wished) found.push(message.subarray(at, at + length));
    at += length;
  }
  return found;
}

test('the health service says whether this peer may serve, to whom has no token', async (t) => {
  const { address, server } = await serveGrpc(t);
  const client = new grpc.Client(address, grpc.credentials.createInsecure());
  t.teardown(() => client.close());
  const check = (): Promise<string | undefined> =>
    new Promise((resolve, reject) => {
      client.makeUnaryRequest(CHECK, asIs, asIs, Buffer.alloc(0), (error, answer) =>
        error === null ? resolve(answer?.toString('hex')) : reject(error),
      );
    });

  t.is(await check(), '0801');
  server.setServing(false);
  t.is(await check(), '0802');
});
