import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { MemberRole, systemClock } from '@argosy/proto';
import test, { type ExecutionContext } from 'ava';
import { pino } from 'pino';
import { Gate } from './gate.ts';
import { type Lead, leadOf } from './primary-watch.ts';

/** Of this process alone: a port that was free a moment ago is not taken by anybody's outgoing connection. */
const ADDRESS = `127.77.${(process.pid >> 8) & 255}.${process.pid & 255}`;

/** A member that says who it is to whoever comes. */
async function member(t: ExecutionContext, name: string): Promise<{ server: Server; port: number }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('data', (asked) => socket.write(`${name}: ${asked}`));
  });
  await new Promise<void>((resolve) => server.listen(0, ADDRESS, resolve));
  t.teardown(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return { server, port: (server.address() as AddressInfo).port };
}

async function gateTo(t: ExecutionContext, state: { lead: Lead | undefined; epoch: number | undefined }) {
  const free = createServer();
  await new Promise<void>((resolve) => free.listen(0, ADDRESS, resolve));
  const { port } = free.address() as AddressInfo;
  await new Promise((resolve) => free.close(resolve));
  const parts = { address: ADDRESS, port, clock: systemClock, log: pino({ level: 'silent' }) };
  const gate = new Gate({ ...parts, lead: () => state.lead, epoch: () => state.epoch });
  await gate.listen();
  t.teardown(() => gate.close());
  return { gate, port };
}

/** What is answered, or that the connection was cut. */
function ask(port: number, text: string): { socket: Socket; answer: Promise<string>; cut: Promise<void> } {
  const socket = connect(port, ADDRESS);
  socket.on('error', () => undefined);
  const cut = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  const answer = new Promise<string>((resolve) => {
    socket.once('data', (chunk) => resolve(String(chunk)));
    void cut.then(() => resolve('cut'));
  });
  socket.write(text);
  return { socket, answer, cut };
}

test('the gate leads to the primary, cuts what leads to an older epoch, and leads to the next one', async (t) => {
  const [first, second] = [await member(t, 'first'), await member(t, 'second')];
  const lead = { memberId: 'c-1', epoch: 4, address: ADDRESS, port: first.port };
  const state: { lead: Lead | undefined; epoch: number | undefined } = { lead, epoch: 4 };
  const { gate, port } = await gateTo(t, state);

  const before = ask(port, 'who?');
  t.is(await before.answer, 'first: who?');
  // A newer epoch is promised: nobody leads it yet.
  Object.assign(state, { lead: undefined, epoch: undefined });
  gate.look();
  await before.cut;
  const waiting = ask(port, 'and now?');
  Object.assign(state, { lead: { ...lead, memberId: 'c-2', epoch: 5, port: second.port }, epoch: 5 });

  t.is(await waiting.answer, 'second: and now?');
  waiting.socket.destroy();
});

test('a primary that has only fallen silent keeps its clients, but gets no new ones', async (t) => {
  const { port: database } = await member(t, 'first');
  const lead = { memberId: 'c-1', epoch: 4, address: ADDRESS, port: database };
  const state: { lead: Lead | undefined; epoch: number | undefined } = { lead, epoch: 4 };
  const { gate, port } = await gateTo(t, state);
  const client = ask(port, 'one');
  await client.answer;

  state.lead = undefined;
  gate.look();
  const answer = new Promise<string>((resolve) => client.socket.once('data', (chunk) => resolve(String(chunk))));
  client.socket.write('two');

  t.is(await answer, 'first: two');
  const other = ask(port, 'three');
  t.is(await other.answer, 'cut');
  client.socket.destroy();
});

test('only a member that says itself that it leads this epoch, and admits clients, is led to', (t) => {
  const upstream = { memberId: 'c-1', address: '10.0.0.1', port: 5432, serverName: 'c-1.north' };
  const report = {
    ...{ memberId: 'c-1', time: undefined, up: true, role: MemberRole.PRIMARY, epoch: 4, generation: 1, open: true },
    ...{ position: undefined, streams: [], serverVersion: '', detail: '', upstream: undefined, lease: undefined },
  };

  t.deepEqual(leadOf(upstream, 4, report), { memberId: 'c-1', epoch: 4, address: '10.0.0.1', port: 5432 });
  t.is(leadOf(upstream, 5, report), undefined);
  t.is(leadOf(upstream, 4, { ...report, epoch: 5 }), undefined);
  t.is(leadOf(upstream, 4, { ...report, role: MemberRole.REPLICA }), undefined);
  t.is(leadOf(upstream, 4, { ...report, open: false }), undefined);
  t.is(leadOf(upstream, 4, { ...report, memberId: 'c-2' }), undefined);
});
