import type { WatchRequest, WatchResponse } from '@argosy/proto';
import type * as grpc from '@grpc/grpc-js';
import type { ServiceError } from '@grpc/grpc-js';
import test from 'ava';
import { clusters, hear, madeGrpc, readError, type ServedGrpc, serveGrpc, wish } from './server-for-tests.ts';

interface Watch {
  readonly stream: grpc.ClientReadableStream<WatchResponse>;
  /** The next answer with an event. */
  next(): Promise<WatchResponse>;
  /** How it ended. */
  readonly ended: Promise<ServiceError>;
}

async function watch(
  served: ServedGrpc,
  request: { after?: string; cluster?: string } = {},
  token = 'demo',
): Promise<Watch & { readonly beginsAfter: string }> {
  const stream = served.watch(request, token);
  const ended = new Promise<ServiceError>((resolve) => stream.once('error', resolve));
  const answers = stream[Symbol.asyncIterator]() as AsyncIterator<WatchResponse>;
  const { value } = await answers.next();
  const next = async (): Promise<WatchResponse> => {
    for (;;) {
      const { value: answer } = await answers.next();
      if (answer.event !== undefined) return answer;
    }
  };
  return { stream, ended, next, beginsAfter: (value as WatchResponse).lastEventId };
}

function refusal(served: ServedGrpc, request: Partial<WatchRequest>, token: string): Promise<ServiceError> {
  return new Promise((resolve) => served.watch(request, token).once('error', resolve).resume());
}

test('a watch tells what happens from now on, to whom it concerns', async (t) => {
  const served = await madeGrpc(t);
  const { ask } = served;
  const own = await watch(served);
  const strangers = await watch(served, {}, 'stranger');
  await ask(clusters.renewCredentials, { id: 'orders' });
  await ask(clusters.createCluster, { cluster: wish('theirs') }, { token: 'stranger' });

  const { event, lastEventId } = await own.next();
  t.like(event, { kind: 'operation.started', projectId: 'p', message: 'cluster.credentials' });
  t.is(event?.id, String(Number(own.beginsAfter) + 1));
  t.is(event?.id, lastEventId);
  t.like((await strangers.next()).event, { projectId: 'other', message: 'cluster.create' });
  for (const { stream } of [own, strangers]) stream.cancel();
});

test('a watcher that lost its peer goes on at any other with nothing twice and nothing missing', async (t) => {
  const served = await madeGrpc(t);
  const all = served.world.federation.eventsAfter(0).filter(({ projectId }) => projectId === 'p');
  const first = await watch(served, { after: '0' });
  const seen = [await first.next(), await first.next(), await first.next()];
  first.stream.cancel();

  const second = await watch(served, { after: seen.at(-1)?.lastEventId ?? '' });
  while (seen.length < all.length) seen.push(await second.next());
  t.deepEqual(
    seen.map(({ event }) => event?.id),
    all.map(({ id }) => String(id)),
  );
  second.stream.cancel();
});

test("a watch of one cluster tells of no other, and another project's is not there", async (t) => {
  const served = await serveGrpc(t);
  const { ask } = served;
  await ask(clusters.createCluster, { cluster: wish('a') });
  await ask(clusters.createCluster, { cluster: wish('b') });

  const only = await watch(served, { after: '0', cluster: 'b' });
  const { clusterId } = served.world.federation.eventsAfter(0).at(-1) ?? {};
  t.is((await only.next()).event?.clusterId, clusterId);
  only.stream.cancel();
  t.like(readError(await refusal(served, { cluster: 'b' }, 'stranger')), {
    code: 'NOT_FOUND',
    reason: 'cluster.not_found',
  });
});

test('a watch that cannot be is refused before it begins', async (t) => {
  const served = await serveGrpc(t);

  t.like(readError(await refusal(served, { after: 'x' }, 'demo')), {
    code: 'INVALID_ARGUMENT',
    reason: 'request.invalid',
  });
  t.like(readError(await refusal(served, {}, '')), { code: 'UNAUTHENTICATED', reason: 'token.missing' });
  t.like(readError(await refusal(served, {}, 'nobody')), { code: 'PERMISSION_DENIED', reason: 'access.denied' });
});

test('a client that goes away is no watcher any more, and a connection carries so many watches at once', async (t) => {
  const served = await serveGrpc(t);
  const { events } = served;
  const { stream } = await watch(served);
  t.is(events.watchers(), 1);
  stream.cancel();
  while (events.watchers() > 0) await new Promise((resolve) => setTimeout(resolve, 5));

  const all = await Promise.all(Array.from({ length: 100 }, () => watch(served)));
  t.is(events.watchers(), 100);
  const more = served.watch({});
  // One connection carries so many calls at once; the next one waits for its turn.
  for (const each of all.slice(0, 1)) each.stream.cancel();
  await new Promise((resolve) => more.once('error', () => undefined).once('data', resolve));
  more.cancel();
  for (const each of all) each.stream.cancel();
});

test('a peer that stops says so to who watches, and where to go on', async (t) => {
  const served = await serveGrpc(t);
  const { ended, beginsAfter } = await watch(served);
  served.events.close();

  t.like(readError(await ended), { code: 'UNAVAILABLE', reason: 'peer.stopping' });
  t.is(beginsAfter, String(served.world.federation.eventRange().newest));
  t.is(served.events.watchers(), 0);
});

test('a watcher that does not read is let go, and nothing is kept for it', async (t) => {
  t.timeout(60_000);
  const served = await serveGrpc(t, { events: { stalledMs: 300 } });
  const stream = served.watch({}, 'admin');
  const ended = new Promise<ServiceError>((resolve) => stream.once('error', resolve));
  await new Promise((resolve) => stream.once('data', resolve));
  stream.pause();
  const detail = 'm'.repeat(10_000);
  while (served.events.watchers() > 0) {
    for (let count = 0; count < 50; count += 1) hear(served, count % 2 === 0 ? 'UP' : 'UNREACHABLE', detail);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }

  // It reads on, and finds at the end of what was under way why there is no more.
  let last = '0';
  stream.on('data', ({ lastEventId }: WatchResponse) => {
    last = lastEventId;
  });
  stream.resume();
  const error = readError(await ended);
  t.like(error, { code: 'RESOURCE_EXHAUSTED', reason: 'events.too_slow' });
  const again = await watch(served, { after: last }, 'admin');
  t.is((await again.next()).event?.id, String(Number(last) + 1));
  again.stream.cancel();
});
