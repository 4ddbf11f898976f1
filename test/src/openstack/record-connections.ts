// Loaded into a process before all else: notes where it connects to. Only the test that loads it reads the notes.
import { appendFileSync } from 'node:fs';
import { Socket } from 'node:net';

const notes = process.env.ARGOSY_CONNECTIONS_FILE ?? '';
const connect = Socket.prototype.connect as (this: Socket, ...args: unknown[]) => Socket;

Socket.prototype.connect = function noted(this: Socket, ...args: unknown[]): Socket {
  // Node hands on what it has normalised as one array.
  const first = Array.isArray(args[0]) ? (args[0] as unknown[])[0] : args[0];
  const { host, port } = (typeof first === 'object' && first !== null ? first : {}) as {
    host?: string;
    port?: number | string;
  };
  if (port !== undefined) appendFileSync(notes, `${host}:${port}\n`);
  return connect.apply(this, args);
} as Socket['connect'];
