// A local federation's processes end with the one that started it, also when that one is killed: each keeps a
// connection to its Unix socket, and the kernel closes it when the process is gone.
import { connect } from 'node:net';

/**
 * Calls `onLost` once, when the process behind the socket at `path` is gone (or was never there).
 * Returns a function that stops watching.
 */
export function watchLifeline(path: string, onLost: () => void): () => void {
  const socket = connect(path);
  let isWatching = true;
  const lose = (): void => {
    if (!isWatching) return;
    isWatching = false;
    onLost();
  };
  socket.on('error', lose);
  socket.on('close', lose);
  socket.resume();
  return () => {
    isWatching = false;
    socket.destroy();
  };
}
