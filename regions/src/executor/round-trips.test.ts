import { createServer, type Server } from 'node:net';
import { type Clock, systemClock } from '@argosy/proto';
import test from 'ava';
import { RoundTrips } from './round-trips.ts';

/** What would take seconds takes hundredths. */
const hurried: Clock = { ...systemClock, after: (ms, call) => systemClock.after(ms / 100, call) };
const own = () => ({ certificate: '', key: '', root: '' });
const PATIENCE_MS = 20_000;

async function listening(): Promise<{ server: Server; port: number }> {
  const server = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { server, port: (server.address() as { port: number }).port };
}

async function until(isSo: () => boolean): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS;
  while (!isSo()) {
    if (Date.now() > deadline) throw new Error('It did not come about.');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

test('an executor that is not started yet says nothing of the way to its region; a wall does after a while', async (t) => {
  const { server, port } = await listening();
  server.close();
  const peers = [{ region: 'south', addresses: [`127.0.0.1:${port}`] }];
  let tries = 0;
  const clock: Clock = {
    ...hurried,
    monotonicMs: () => {
      tries += 1;
      return systemClock.monotonicMs();
    },
  };
  const trips = new RoundTrips(peers, { clock, everyMs: 30_000, own, serverName: (region) => region });
  const ending = new AbortController();
  const running = trips.run(ending.signal);
  t.teardown(async () => {
    ending.abort();
    await running;
  });

  await until(() => tries > 5);
  t.deepEqual(trips.measured(), [], 'refused five times');
  await until(() => trips.measured().length > 0);
  t.like(trips.measured()[0], { region: 'south', reachable: false });
  t.regex(trips.measured()[0]?.detail ?? '', /ECONNREFUSED/);

  const again = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve) => again.listen(port, '127.0.0.1', resolve));
  t.teardown(() => again.close());
  await until(() => trips.measured()[0]?.reachable === true);
});
