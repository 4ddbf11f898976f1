// Answers in the router for the addresses at which members of a translated region are dialled (x.128 and up), and passes
// on to those that they bind (x.0 and up): what a provider's translator does, for TCP. It ends when its stdin does.
import { connect, createServer, type Socket } from 'node:net';

const UPPER_HALF = 128;

function join(from: Socket, to: Socket): void {
  from.setNoDelay(true);
  from.on('error', () => to.destroy());
  from.on('close', () => to.destroy());
  from.pipe(to);
}

for (const port of process.argv.slice(2).map(Number)) {
  const server = createServer({ allowHalfOpen: true }, (incoming) => {
    const bytes = (incoming.localAddress ?? '').split('.').map(Number);
    const host = (bytes.pop() ?? 0) - UPPER_HALF;
    if (host < 0) {
      incoming.destroy();
      return;
    }
    const outgoing = connect({ host: [...bytes, host].join('.'), port, allowHalfOpen: true });
    join(incoming, outgoing);
    join(outgoing, incoming);
  });
  server.listen({ host: '0.0.0.0', port });
}
process.stdin.on('end', () => process.exit(0));
process.stdin.resume();
