// The supervisor's end of the lifeline: a Unix socket that never says anything. Processes keep a connection to it, and
// the kernel cuts it when the supervisor is gone, however it went.
import { chmodSync, rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';

/** Agents may run as another user. */
const ANYONE_MAY_CONNECT = 0o666;

export interface Lifeline {
  readonly path: string;
  /** Cuts it: every process that watches it ends. */
  cut(): void;
}

export async function openLifeline(path: string): Promise<Lifeline> {
  rmSync(path, { force: true });
  const connections = new Set<Socket>();
  const server = createServer((socket) => {
    connections.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => connections.delete(socket));
    socket.resume();
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, resolve);
  });
  chmodSync(path, ANYONE_MAY_CONNECT);
  return {
    path,
    cut: () => {
      server.close();
      for (const socket of connections) socket.destroy();
    },
  };
}
