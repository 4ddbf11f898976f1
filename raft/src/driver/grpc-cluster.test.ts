// Three peers over real gRPC with mutual TLS on the loopback, each with its own server, log and certificate.
import { ChannelCredentials, Server, ServerCredentials } from '@grpc/grpc-js';
import test from 'ava';
import { makeMessage } from '../core/messages.ts';
import { temporaryDirectory } from '../temporary-directory-for-tests.ts';
import { GrpcTransport, type PeerCall } from '../transport/grpc.ts';
import type { PeerAddress } from '../transport/transport.ts';
import { makeCertificates } from './certificates-for-tests.ts';
import { leaderOf, openPeer, type TestPeer, until } from './cluster-for-tests.ts';
import type { RaftOptions } from './options.ts';

interface Listener {
  readonly server: Server;
  readonly transport: GrpcTransport;
  readonly port: number;
}

interface Seat {
  listener: Listener;
  peer: TestPeer;
}

class GrpcCluster {
  readonly directory: string;
  readonly #certificates: ReturnType<typeof makeCertificates>;
  readonly #options: Partial<RaftOptions>;
  /** Names on certificates that did not fit what their bearer said. */
  readonly refused: string[] = [];
  readonly seats = new Map<number, Seat>();
  readonly #ports = new Map<number, number>();

  private constructor(directory: string, options: Partial<RaftOptions>) {
    this.directory = directory;
    this.#options = options;
    this.#certificates = makeCertificates(directory, ['peer-1', 'peer-2', 'peer-3', 'stranger']);
  }

  static async start(options: Partial<RaftOptions> = {}): Promise<GrpcCluster> {
    const cluster = new GrpcCluster(await temporaryDirectory(), options);
    const listeners = [];
    for (const id of [1, 2, 3]) listeners.push(await cluster.#listen(id, 0));
    for (const [at, listener] of listeners.entries()) cluster.#ports.set(at + 1, listener.port);
    for (const [at, listener] of listeners.entries()) await cluster.#open(at + 1, listener);
    return cluster;
  }

  get peers(): TestPeer[] {
    return [...this.seats.values()].map(({ peer }) => peer);
  }

  credentials(name: string): ChannelCredentials {
    const { certificate, key } = this.#certificates.of(name);
    return ChannelCredentials.createSsl(this.#certificates.authority, key, certificate);
  }

  addresses(): PeerAddress[] {
    return [1, 2, 3].map((id) => ({
      id,
      address: `127.0.0.1:${this.#ports.get(id)}`,
      channelOptions: { 'grpc.ssl_target_name_override': `peer-${id}` },
    }));
  }

  async #listen(id: number, port: number): Promise<Listener> {
    const { certificate, key } = this.#certificates.of(`peer-${id}`);
    const pairs = [{ cert_chain: certificate, private_key: key }];
    const server = new Server();
    const transport = new GrpcTransport({
      credentials: this.credentials(`peer-${id}`),
      authorize: (call, from) => this.#isPeer(call, from),
    });
    transport.addTo(server);
    const bound = await new Promise<number>((resolve, reject) => {
      const credentials = ServerCredentials.createSsl(this.#certificates.authority, pairs, true);
      server.bindAsync(`127.0.0.1:${port}`, credentials, (error, at) => (error ? reject(error) : resolve(at)));
    });
    return { server, transport, port: bound };
  }

  #isPeer(call: PeerCall, from: number): boolean {
    const name = String(call.getAuthContext().sslPeerCertificate?.subject.CN);
    if (name === `peer-${from}`) return true;
    this.refused.push(name);
    return false;
  }

  async #open(id: number, listener: Listener): Promise<void> {
    const peer = await openPeer(id, {
      directory: `${this.directory}/log-${id}`,
      peers: this.addresses(),
      transport: listener.transport,
      // Real sockets and disks on a machine that others use: an election must come from a death, not from load.
      tickMs: 100,
      ...this.#options,
    });
    this.seats.set(id, { listener, peer });
  }

  async kill(id: number): Promise<void> {
    const seat = this.seats.get(id);
    this.seats.delete(id);
    seat?.listener.server.forceShutdown();
    await seat?.peer.raft.close();
  }

  async restart(id: number): Promise<void> {
    await this.#open(id, await this.#listen(id, this.#ports.get(id) ?? 0));
  }

  async stop(): Promise<void> {
    for (const id of [...this.seats.keys()]) await this.kill(id);
  }
}

test('what was acknowledged survives the leader, and then the restart of all three', async (t) => {
  const cluster = await GrpcCluster.start();
  const first = await leaderOf(cluster.peers);
  for (let at = 0; at < 20; at += 1) await first.raft.propose(Buffer.from(`before-${at}`));

  await cluster.kill(first.raft.status().id);
  const second = await leaderOf(cluster.peers);
  await second.raft.propose(Buffer.from('after'));
  await cluster.stop();
  for (const id of [1, 2, 3]) await cluster.restart(id);
  await leaderOf(cluster.peers);

  const expected = [...Array.from({ length: 20 }, (_, at) => `before-${at}`), 'after'];
  await until(() => cluster.peers.every(({ journal }) => journal.commands.length === expected.length), 'all have all');
  for (const { journal } of cluster.peers) t.deepEqual(journal.commands, expected);
  await cluster.stop();
});

test('a read at a follower shows what was acknowledged before it was asked', async (t) => {
  const cluster = await GrpcCluster.start();
  const leader = await leaderOf(cluster.peers);
  const follower = cluster.peers.find((peer) => peer !== leader) as TestPeer;

  for (let at = 1; at <= 50; at += 1) {
    await leader.raft.propose(Buffer.from(String(at)));
    await follower.raft.readIndex();
    t.is(follower.journal.commands.length, at);
  }

  await cluster.stop();
});

test('a peer that was away while the log was compacted catches up by a snapshot', async (t) => {
  const cluster = await GrpcCluster.start({ snapshotEveryEntries: 20, trailingEntries: 5, segmentBytes: 4096 });
  const leader = await leaderOf(cluster.peers);
  const away = leader.raft.status().id === 1 ? 2 : 1;
  await cluster.kill(away);
  // More than one chunk, so that the pieces of a snapshot are put together again.
  const large = 'x'.repeat(50_000);
  for (let at = 0; at < 60; at += 1) await leader.raft.propose(Buffer.from(`${at}-${large}`));
  await until(() => leader.raft.status().firstIndex > 30, 'the leader compacted its log');

  await cluster.restart(away);

  const back = cluster.seats.get(away)?.peer as TestPeer;
  await until(() => back.journal.commands.length === 60, 'the peer has everything');
  t.is(back.journal.restores, 1);
  t.deepEqual(back.journal.commands, leader.journal.commands);
  await cluster.stop();
});

test('who speaks as a peer without its certificate is not listened to', async (t) => {
  const cluster = await GrpcCluster.start();
  const leader = await leaderOf(cluster.peers);
  const before = leader.raft.status();
  const claimed = before.id === 1 ? 2 : 1;
  const stranger = new GrpcTransport({ credentials: cluster.credentials('stranger'), authorize: () => false });
  stranger.start({ id: claimed, peers: cluster.addresses(), receive: () => t.fail() });

  stranger.send([makeMessage('MsgHeartbeat', before.id, { from: claimed, term: before.term + 5 })]);
  await until(() => cluster.refused.includes('stranger'), 'the stranger was refused');
  await leader.raft.propose(Buffer.from('work goes on'));

  t.is(leader.raft.status().term, before.term);
  await stranger.close();
  await cluster.stop();
});
