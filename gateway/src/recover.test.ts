import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { MemoryNetwork, Raft, systemClock } from 'raft-ts';
import { threeVoters, World } from './conductor/world-for-tests.ts';
import type { GatewayConfig } from './config.ts';
import { recoverGateway } from './recover.ts';
import { decodeEntry, type EntryBody, encodeEntry } from './state/entries.ts';
import { Federation } from './state/federation.ts';

const at = '2026-01-01T00:00:00.000Z';

function open(directory: string, network: MemoryNetwork, id: number, federation: Federation): Promise<Raft> {
  return Raft.open({
    ...{ id, directory: join(directory, String(id)), clock: systemClock, random: Math.random, tickMs: 50 },
    peers: [1, 2, 3].map((peer) => ({ id: peer, address: '' })),
    transport: network.transport(),
    stateMachine: {
      apply: ({ data }) => federation.apply(decodeEntry(data)),
      snapshot: () => federation.snapshot(),
      restore: (data) => federation.restore(data),
    },
    onFatal: (error) => {
      throw error;
    },
  });
}

async function leaderOf(peers: readonly Raft[]): Promise<Raft> {
  for (let attempt = 0; attempt < 2_000; attempt += 1) {
    const leader = peers.find((peer) => peer.status().isEstablishedLeader);
    if (leader !== undefined) return leader;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error('Nobody leads.');
}

test('a federation of which one peer is left is that peer, with its clusters, and each of them elects anew', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'argosy-recover-'));
  const network = new MemoryNetwork();
  const peers = await Promise.all([1, 2, 3].map((id) => open(directory, network, id, new Federation())));
  const leader = await leaderOf(peers);
  const zones = [{ name: 'north-a', freeMembers: 3 }];
  const region = { name: 'north', provider: 'p', jurisdiction: 'EU', status: 'UP', zones, flavors: [] } as const;
  const entries: EntryBody[] = [
    {
      ...{ kind: 'cluster.created', clusterId: 'c', operationId: 'o', operationKind: 'cluster.create', name: 'orders' },
      spec: {
        ...{ datastore: { type: 'postgresql', version: '15' }, flavor: 'small', volume: { size: 1 } },
        topology: { voters: 3, replicas: 0, arbiters: 0 },
        placement: { survive: 'region', regions: [], residency: [] },
        durability: { mode: 'quorum' },
      },
      ...{ projectId: 'p', members: threeVoters, requestId: 'r', steps: [] },
      admin: { name: 'admin', database: 'admin', verifier: 'v', generation: 1 },
    },
    { kind: 'region.observed', region },
  ];
  for (const entry of entries) await leader.propose(encodeEntry({ at, ...entry }));
  const id = leader.status().id;
  for (const peer of peers) await peer.close();
  const config = { peer: { id, name: 'only' }, dataDirectory: join(directory, String(id)) } as GatewayConfig;

  const recovery = await recoverGateway({ config, clusterId: 'second', at });

  const federation = new Federation();
  const alone = await open(directory, new MemoryNetwork(), id, federation);
  await leaderOf([alone]);
  t.deepEqual(alone.status().membership.voters, [id]);
  t.is(federation.cluster('c')?.name, 'orders');
  t.deepEqual(federation.regions(), []);
  t.deepEqual(recovery.clusters, []);
  await alone.close();
});

test('a recovered cluster has no primary until its members have promised a far higher epoch', async (t) => {
  const world = new World();
  world.elect();
  world.create(threeVoters);
  await world.until(() => world.federation.operation('create')?.status === 'DONE');
  const before = world.federation.cluster('c');
  const federation = new Federation();
  federation.restore(world.federation.snapshot());

  federation.apply({ at, kind: 'federation.recovered', epochs: 100 });

  const after = federation.cluster('c');
  t.is(after?.epoch, (before?.epoch ?? 0) + 100);
  t.is(after?.primary, undefined);
  t.is(after?.candidate, before?.primary);
  t.deepEqual(after?.liveRules, before?.liveRules);
});
