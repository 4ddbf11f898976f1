// A process of the benchmark: one peer of a key-value server on raft-ts, with the driver, log and transport that
// everybody uses. It serves the part of etcd's API in kv.proto, on the port on which its peers find it.
import { promisify } from 'node:util';
import { credentials, Server, ServerCredentials, status } from '@grpc/grpc-js';
import { GrpcTransport, NotLeaderError, type PeerAddress, Raft, systemClock } from 'raft-ts';
import { type KVServer, KVService, PutRequest, type PutResponse, type RangeResponse } from '../../generated/etcd/kv.ts';
import { answerParent, startArgument } from './child.ts';
import { closedLoop, type LoopResult, type LoopTimes } from './closed-loop.ts';
import { KeyValues, sampleKey, sampleRequest } from './key-values.ts';

export interface PeerStart {
  readonly id: number;
  readonly port: number;
  readonly peers: readonly PeerAddress[];
  readonly directory: string;
}

export type PeerQuestion =
  | { readonly type: 'is-leader' }
  /** Proposals, or linearizable reads, made in this process, which leads. */
  | { readonly type: 'propose'; readonly loop: LoopTimes; readonly valueBytes: number }
  | { readonly type: 'read'; readonly loop: LoopTimes };

const start = startArgument<PeerStart>();
const keyValues = new KeyValues();
const transport = new GrpcTransport({ credentials: credentials.createInsecure(), authorize: () => true });
// What channelz counts nobody asks for here.
const server = new Server({ 'grpc.enable_channelz': 0 });
transport.addTo(server);

const raft = await Raft.open({
  id: start.id,
  peers: start.peers,
  directory: start.directory,
  clock: systemClock,
  random: Math.random,
  transport,
  stateMachine: keyValues,
  onFatal: (error) => {
    process.stderr.write(`${error.stack}\n`);
    process.exit(1);
  },
});

async function put(request: PutRequest): Promise<PutResponse> {
  const { index, term } = await raft.propose(PutRequest.encode(request).finish());
  return { header: { revision: index, raftTerm: term } };
}

async function range({ key, serializable }: { key: Buffer; serializable: boolean }): Promise<RangeResponse> {
  const revision = serializable ? 0 : await raft.readIndex();
  const found = keyValues.get(key);
  return {
    header: { revision, raftTerm: 0 },
    kvs: found === undefined ? [] : [{ key, value: found.value, modRevision: found.index }],
    count: found === undefined ? 0 : 1,
  };
}

function refuse(callback: (error: { code: number; details: string }) => void): (error: Error) => void {
  return (error) =>
    callback({
      code: error instanceof NotLeaderError ? status.UNAVAILABLE : status.UNKNOWN,
      details: error.message,
    });
}

const service: KVServer = {
  put: ({ request }, callback) => {
    put(request).then((answer) => callback(null, answer), refuse(callback));
  },
  range: ({ request }, callback) => {
    range(request).then((answer) => callback(null, answer), refuse(callback));
  },
};
server.addService(KVService, service);
await promisify(server.bindAsync.bind(server))(`127.0.0.1:${start.port}`, ServerCredentials.createInsecure());

function propose(loop: LoopTimes, valueBytes: number): Promise<LoopResult> {
  return closedLoop(loop, (count) => raft.propose(PutRequest.encode(sampleRequest(count, valueBytes)).finish()));
}

function read(loop: LoopTimes): Promise<LoopResult> {
  return closedLoop(loop, (count) => range({ key: sampleKey(count), serializable: false }));
}

answerParent<PeerQuestion>(async (question) => {
  if (question.type === 'read') return read(question.loop);
  if (question.type === 'propose') return propose(question.loop, question.valueBytes);
  return raft.status().isEstablishedLeader;
});
