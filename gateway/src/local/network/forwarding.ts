// Passes what comes in on one address on to another: REST stands on the machine's own loopback address, as everywhere,
// and the gateway peer in its namespace.
import { connect, createServer, type Socket } from 'node:net';
import type { Endpoint } from '../layout.ts';

/** Answers what ends it. @throws Error when the address cannot be listened on */
export async function forward(from: Endpoint, to: Endpoint): Promise<() => void> {
  const open = new Set<Socket>();
  const keep = (socket: Socket, other: Socket): void => {
    open.add(socket);
    socket.setNoDelay(true);
    socket.on('error', () => other.destroy());
    socket.on('close', () => {
      open.delete(socket);
      other.destroy();
    });
  };
  const server = createServer({ allowHalfOpen: true }, (incoming) => {
    const outgoing = connect({ host: to.address, port: to.port, allowHalfOpen: true });
    keep(incoming, outgoing);
    keep(outgoing, incoming);
    incoming.pipe(outgoing);
    outgoing.pipe(incoming);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: from.address, port: from.port }, resolve);
  });
  return () => {
    server.close();
    for (const socket of open) socket.destroy();
  };
}
