// The port of an agent, to which two executors may bring a certificate at the same moment.
import { once } from 'node:events';
import { createServer } from 'node:net';
import { connect } from 'node:tls';
import { type AgentServiceServer, createSigningRequest, selfSigned, systemClock } from '@argosy/proto';
import test from 'ava';
import { Listener } from './listener.ts';

const ADDRESS = '127.0.0.1';

async function certificate(name: string) {
  const { key } = await createSigningRequest(name);
  const own = await selfSigned(key, name, { now: new Date(), days: 1 });
  return { certificate: own, key, root: own };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, ADDRESS);
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function shown(port: number): Promise<string> {
  const socket = connect({ host: ADDRESS, port, rejectUnauthorized: false, ALPNProtocols: ['h2'] });
  await once(socket, 'secureConnect');
  const { subject } = socket.getPeerCertificate();
  socket.destroy();
  return String(subject.CN);
}

test('of two certificates that are brought at once, the later one is served', async (t) => {
  const port = await freePort();
  const listener = new Listener({ address: ADDRESS, port, access: {}, clock: systemClock });
  t.teardown(() => listener.close());
  const service = {} as AgentServiceServer;
  await listener.listen(service, await certificate('born'));
  const [first, second] = [await certificate('first'), await certificate('second')];

  const outcomes = await Promise.allSettled([listener.listen(service, first), listener.listen(service, second)]);

  t.is(outcomes[1]?.status, 'fulfilled');
  t.is(await shown(port), 'second');
});
