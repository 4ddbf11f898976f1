import { ChannelCredentials, Server, ServerCredentials } from '@grpc/grpc-js';
import test from 'ava';
import { DirectoryLockedError, WrongClusterError } from '../errors.ts';
import { temporaryDirectory } from '../temporary-directory-for-tests.ts';
import { GrpcTransport } from '../transport/grpc.ts';
import { Journal, leaderOf, openPeer, type TestPeer, until } from './cluster-for-tests.ts';
import type { RaftEvent, RaftOptions } from './options.ts';
import { recover } from './recover.ts';

interface Seat extends TestPeer {
  readonly port: number;
  close(): Promise<void>;
}

/** Peers that listen on ports of their own, which stay theirs. */
class Cluster {
  readonly directory: string;
  readonly ports = new Map<number, number>();
  readonly #ids: readonly number[];

  constructor(directory: string, ids: readonly number[]) {
    this.directory = directory;
    this.#ids = ids;
  }

  async listen(id: number): Promise<{ server: Server; transport: GrpcTransport }> {
    const server = new Server();
    const transport = new GrpcTransport({ credentials: ChannelCredentials.createInsecure(), authorize: () => true });
    transport.addTo(server);
    const port = await new Promise<number>((resolve, reject) => {
      const address = `127.0.0.1:${this.ports.get(id) ?? 0}`;
      server.bindAsync(address, ServerCredentials.createInsecure(), (error, at) =>
        error ? reject(error) : resolve(at),
      );
    });
    this.ports.set(id, port);
    return { server, transport };
  }

  async open(id: number, place: { server: Server; transport: GrpcTransport }, options: Partial<RaftOptions> = {}) {
    const peers = this.#ids.map((peer) => ({ id: peer, address: `127.0.0.1:${this.ports.get(peer) ?? 1}` }));
    const peer = await openPeer(id, {
      ...{ directory: `${this.directory}/${id}`, transport: place.transport, peers, voters: [1, 2, 3], tickMs: 50 },
      ...options,
    });
    const close = async () => {
      await peer.raft.close();
      place.server.forceShutdown();
    };
    return { ...peer, port: this.ports.get(id) ?? 0, close } satisfies Seat;
  }
}

test('of three peers two are lost; the third is recovered, refuses an old one, and grows again', async (t) => {
  const cluster = new Cluster(await temporaryDirectory(), [1, 2, 3, 4]);
  const places = [];
  for (const id of [1, 2, 3]) places.push(await cluster.listen(id));
  const seats: Seat[] = [];
  for (const [at, place] of places.entries()) seats.push(await cluster.open(at + 1, place));
  const leader = await leaderOf(seats);
  for (let at = 0; at < 5; at += 1) await leader.raft.propose(Buffer.from(`${at}`));
  await until(() => seats.every(({ journal }) => journal.commands.length === 5), 'all have all');
  const { term } = leader.raft.status();
  const options = {
    ...{ id: 3, directory: `${cluster.directory}/3`, clusterId: 'after-the-flood' },
    entries: [Buffer.from('recovered')],
  };
  await t.throwsAsync(recover({ ...options, stateMachine: new Journal() }), { instanceOf: DirectoryLockedError });
  for (const seat of seats) await seat.close();

  const report = await recover({ ...options, stateMachine: new Journal() });
  const survivor = await cluster.open(3, await cluster.listen(3));
  await leaderOf([survivor]);
  t.deepEqual(survivor.journal.commands, ['0', '1', '2', '3', '4', 'recovered']);
  t.deepEqual(survivor.raft.status().membership.voters, [3]);
  t.true(report.term > term && survivor.raft.status().term > term);
  await survivor.raft.propose(Buffer.from('on'));

  // One that was thought lost comes back, and is told why nobody listens to it.
  const told: RaftEvent[] = [];
  const old = await cluster.open(1, await cluster.listen(1), { log: (event) => told.push(event) });
  const refusal = await until(() => told.find(({ type }) => type === 'refused'), 'the old peer was refused');
  t.regex(
    JSON.stringify(refusal),
    /belongs to the cluster after-the-flood, and the caller to a cluster without a name/,
  );
  t.is(survivor.raft.status().role, 'leader');
  await old.close();

  // A new one is given the new name, and the old one's place.
  const fourth = await cluster.listen(4);
  await survivor.close();
  const again = await cluster.open(3, await cluster.listen(3), { clusterId: 'after-the-flood' });
  const added = await cluster.open(4, fourth, { clusterId: 'after-the-flood' });
  await leaderOf([again]);
  await again.raft.changeMembership({ voters: [3, 4] }, { timeoutMs: 30_000 });
  await until(() => added.journal.commands.at(-1) === 'on', 'the new peer has everything');
  await again.close();
  await added.close();
  const place = await cluster.listen(9);
  await t.throwsAsync(cluster.open(3, place, { clusterId: 'another' }), { instanceOf: WrongClusterError });
  place.server.forceShutdown();
});

test('a recovery keeps what is not known to be committed, and can be done again', async (t) => {
  const directory = await temporaryDirectory();
  const cluster = new Cluster(directory, [1, 2, 3]);
  const seats: Seat[] = [];
  for (const id of [1, 2, 3])
    seats.push(await cluster.open(id, await cluster.listen(id)).catch((error) => t.fail(error) as never));
  for (const seat of seats) await seat.close();
  const once = { id: 1, directory: `${directory}/1`, clusterId: 'second' };

  const first = await recover({ ...once, stateMachine: new Journal() });
  const second = await recover({ ...once, stateMachine: new Journal() });

  t.true(second.lastIndex > first.lastIndex);
  t.true(second.term > first.term);
  const alone = await cluster.open(1, await cluster.listen(1));
  await leaderOf([alone]);
  await t.notThrowsAsync(alone.raft.propose(Buffer.from('a')));
  await alone.close();
});
