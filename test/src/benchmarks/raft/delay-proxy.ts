// A process of the benchmark: TCP proxies that hold everything back for a while in each direction, as a wide network
// does.
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import { answerParent, startArgument } from './child.ts';

export interface ProxyStart {
  readonly oneWayMs: number;
}

/** Opens a proxy before a port of this machine, and answers its own port. */
export interface ProxyQuestion {
  readonly port: number;
}

const { oneWayMs } = startArgument<ProxyStart>();

function delay(from: Socket, to: Socket): void {
  const held: { readonly dueMs: number; readonly act: () => void }[] = [];
  let isWaiting = false;
  const release = () => {
    isWaiting = false;
    // A timer is up to a millisecond late; what is due within half of one goes along.
    const now = performance.now() + 0.5;
    while (held[0] !== undefined && held[0].dueMs <= now) held.shift()?.act();
    wait();
  };
  const wait = () => {
    const next = held[0];
    if (next === undefined || isWaiting) return;
    isWaiting = true;
    setTimeout(release, Math.max(0, Math.floor(next.dueMs - performance.now())));
  };
  const hold = (act: () => void) => {
    held.push({ dueMs: performance.now() + oneWayMs, act });
    wait();
  };
  from.on('data', (data) => hold(() => to.writable && to.write(data)));
  from.on('end', () => hold(() => to.end()));
  from.on('error', () => to.destroy());
  from.on('close', () => hold(() => to.destroy()));
}

answerParent<ProxyQuestion>(
  ({ port }) =>
    new Promise((resolve, reject) => {
      const server = createServer((incoming) => {
        const outgoing = connect(port, '127.0.0.1');
        for (const socket of [incoming, outgoing]) socket.setNoDelay(true);
        delay(incoming, outgoing);
        delay(outgoing, incoming);
      });
      server.once('error', reject);
      server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
    }),
);
