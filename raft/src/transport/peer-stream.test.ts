import { credentials, Server, ServerCredentials } from '@grpc/grpc-js';
import test from 'ava';
import { type Entry, type Message, type MessageContent, makeMessage } from '../core/messages.ts';
import { GrpcTransport } from './grpc.ts';

/** Peer 1 sends to peer 2; what arrives there, in order. */
async function connected(): Promise<{ from: GrpcTransport; arrived: Message[]; close: () => Promise<void> }> {
  const make = () => new GrpcTransport({ credentials: credentials.createInsecure(), authorize: () => true });
  const [from, to] = [make(), make()];
  const server = new Server();
  to.addTo(server);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  const peers = [1, 2].map((id) => ({ id, address: `127.0.0.1:${port}` }));
  const arrived: Message[] = [];
  to.start({
    id: 2,
    peers,
    clusterId: '',
    receive: (message) => arrived.push(message),
    receiveSnapshot: async () => undefined,
  });
  from.start({ id: 1, peers, clusterId: '', receive: () => undefined, receiveSnapshot: async () => undefined });
  const close = async () => {
    await Promise.all([from.close(), to.close()]);
    server.forceShutdown();
  };
  return { from, arrived, close };
}

function toSecond(type: Message['type'], content: MessageContent): Message {
  return makeMessage(type, 2, { from: 1, term: 3, ...content });
}

const entry = (index: number): Entry => ({ index, term: 3, data: Buffer.from('x') });
const describe = ({ type, commit, entries }: Message) => `${type} c${commit} +${entries.length}`;

async function until(condition: () => boolean): Promise<void> {
  for (let waited = 0; !condition() && waited < 20_000; waited += 5)
    await new Promise((resolve) => setTimeout(resolve, 5));
}

test('what only tells the commit index goes with the next message, or is told by it, and never stays away', async (t) => {
  const { from, arrived, close } = await connected();
  const commit = (index: number) => toSecond('MsgApp', { commit: index });

  // Alone it arrives, a little later.
  from.send([commit(1)]);
  await until(() => arrived.length === 1);
  // One that tells more takes its place, and others do not.
  from.send([commit(2)]);
  from.send([toSecond('MsgApp', { commit: 3, entries: [entry(4)] })]);
  from.send([commit(4)]);
  from.send([toSecond('MsgHeartbeat', { commit: 2 })]);
  from.send([commit(5)]);
  from.send([toSecond('MsgApp', { commit: 4, entries: [entry(5)] })]);
  from.send([commit(6), toSecond('MsgApp', { term: 4, commit: 6, entries: [entry(6)] })]);
  await until(() => arrived.length === 8);

  t.deepEqual(arrived.map(describe), [
    'MsgApp c1 +0',
    'MsgApp c3 +1',
    'MsgApp c4 +0',
    'MsgHeartbeat c2 +0',
    'MsgApp c5 +0',
    'MsgApp c4 +1',
    'MsgApp c6 +0',
    'MsgApp c6 +1',
  ]);
  await close();
});
