// The contract between an agent and an engine's driver: what every engine does with its real server, told as one story
// in which each case begins where the one before it ended. An engine is supported when it passes.
import type { ExecutionContext } from 'ava';
import type { Accounts } from '../accounts.ts';
import type { ContractCluster } from './cluster.ts';
import type { ContractMember } from './fixture.ts';

export interface ContractCase {
  readonly title: string;
  run(t: ExecutionContext, cluster: ContractCluster): Promise<void>;
}

const A_WHILE_MS = 600;
const OTHER_PASSWORD = 'another-horse-battery-staple';
/** A number that the cluster's own tale does not come to. */
const OF_THE_OWNER = 1_000_000;

function streamingTo(count: number) {
  return (report: {
    readonly up: boolean;
    readonly open: boolean;
    readonly streams: readonly { streaming: boolean }[];
  }) => report.up && report.open && report.streams.filter(({ streaming }) => streaming).length === count;
}

async function kill(member: ContractMember): Promise<number> {
  const pid = await member.serverPid();
  if (pid === undefined) throw new Error(`No server of ${member.memberId} runs.`);
  process.kill(pid, 'SIGKILL');
  return pid;
}

function pause(delayMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, delayMs));
}

const founding: ContractCase = {
  title: 'three members become a cluster: made, promoted with its door shut, copied, followed, opened',
  run: async (t, cluster) => {
    const { primary, replicas } = cluster;
    await t.throwsAsync(primary.initialise('0.1'), { message: /for version 0\.1/ });
    await primary.initialise();
    await primary.promote(1, 1, { voters: cluster.members, admin: cluster.admin });
    await t.throwsAsync(cluster.connect(), undefined, 'the door is shut');
    await Promise.all(replicas.map((replica) => replica.seed(1, 1, primary)));
    for (const replica of replicas) await t.throwsAsync(replica.promise(2), { message: /has not caught up/ });
    await Promise.all(replicas.map((replica) => replica.follow(1, 1, primary)));
    const position = await primary.open(1, 1);
    t.is(position.epoch, 1);

    await cluster.write(20);
    t.deepEqual(await cluster.missing(), []);
    for (const replica of replicas) await cluster.untilThere(replica);
    const report = await primary.report(streamingTo(2));
    t.deepEqual(report.streams.map(({ memberId }) => memberId).sort(), replicas.map(({ memberId }) => memberId).sort());
  },
};

const clients: ContractCase = {
  title: 'a client comes in by TLS with its password, and in no other way',
  run: async (t, { world, primary, placeOf }) => {
    const place = placeOf.bind({ world });
    await t.throwsAsync(world.fixture.connectInTheOpen(place(primary)));
    await t.throwsAsync(world.fixture.connect(place(primary, 'admin', 'wrong')));
    for (const own of ['argosy', 'argosy_replication', 'default', 'root']) {
      await t.throwsAsync(world.fixture.connect(place(primary, own)), undefined, own);
    }
  },
};

const repeats: ContractCase = {
  title: 'a repeated command is answered the same, and an older epoch or rule is refused',
  run: async (t, { primary, replicas, members, admin }) => {
    const [replica] = replicas as [ContractMember];
    t.is((await primary.promote(1, 1, { voters: members, admin })).epoch, 1);
    t.deepEqual(await replica.seed(1, 1, primary), await replica.seed(1, 1, primary));
    await t.throwsAsync(primary.promote(1, 0, { voters: members }), { message: /generation 0; .* generation 1/ });
    await t.throwsAsync(replica.promote(1, 1, { voters: members }), { message: /replica in epoch 1/ });
    await t.throwsAsync(primary.seed(1, 1, replica), { message: /would wipe it/ });
  },
};

const positions: ContractCase = {
  title: 'positions grow with what is written, and a replica reaches that of its primary',
  run: async (t, cluster) => {
    const { primary, replicas, world } = cluster;
    const before = (await primary.report(({ up, position }) => up && position !== undefined)).position;
    await cluster.write(5);
    const isBeyond = (position: { epoch: number; value: string } | undefined): boolean =>
      before !== undefined && position !== undefined && world.comparePositions(position, before) > 0;
    await primary.report(({ position }) => isBeyond(position));
    for (const replica of replicas) await replica.report(({ up, position }) => up && isBeyond(position));
    t.is(before?.epoch, 1);
    if (before === undefined) return;
    t.is(world.comparePositions(before, before), 0);
    t.true(world.comparePositions({ ...before, epoch: 2 }, before) > 0);
  },
};

const adoption: ContractCase = {
  title: 'an agent that was killed takes over the running server, which noticed nothing',
  run: async (t, cluster) => {
    const { primary } = cluster;
    const before = await primary.serverPid();
    await primary.killAgent();
    await cluster.write(3);
    primary.start();
    await primary.report(streamingTo(2));
    t.is(await primary.serverPid(), before);
    await cluster.write(3);
  },
};

const crashedReplica: ContractCase = {
  title: 'a replica whose server was killed comes back by itself and follows',
  run: async (t, cluster) => {
    const [replica] = cluster.replicas as [ContractMember];
    const before = await kill(replica);
    await cluster.write(5);
    while ([before, undefined].includes(await replica.serverPid())) await pause(20);
    await cluster.primary.report(streamingTo(2));
    await cluster.untilThere(replica);
    t.pass();
  },
};

const crashedPrimary: ContractCase = {
  title: 'a primary whose server was killed loses nothing that was acknowledged, in its epoch or in the next',
  run: async (t, cluster) => {
    const { primary, world, members } = cluster;
    await cluster.write(5);
    const before = await kill(primary);
    if (world.fixture.afterCrash === 'restarts') {
      await primary.report((seen) => !seen.up);
      const report = await primary.report(streamingTo(2));
      t.not(await primary.serverPid(), before);
      t.is(report.epoch, cluster.epoch);
    } else {
      const report = await primary.report((seen) => !seen.up && seen.detail !== '');
      await pause(A_WHILE_MS);
      t.is(await primary.serverPid(), undefined, 'it is not started while a replica has more');
      t.log(report.detail);
      await cluster.elect([...members].reverse(), cluster.replicas);
      t.not(cluster.primary, primary);
      t.log(await primary.comeBack(cluster.epoch, 1, cluster.primary));
      await cluster.primary.report(streamingTo(2));
    }
    t.deepEqual(await cluster.missing(), []);
    await cluster.write(5);
  },
};

const promises: ContractCase = {
  title: 'who has promised follows no older epoch, and a primary that has promised acknowledges nothing more',
  run: async (t, cluster) => {
    const { primary, epoch, world } = cluster;
    const [first, second] = cluster.replicas as [ContractMember, ContractMember];
    const client = await cluster.connect();
    const promised = [await first.promise(epoch + 1), await second.promise(epoch + 1)];
    t.deepEqual(await first.promise(epoch + 1), promised[0], 'a repeat is answered the same');
    await t.throwsAsync(first.follow(epoch, 1, primary), { message: /has promised epoch/ });

    const number = cluster.takeNumber();
    let isAcknowledged = false;
    const write = client.write(number).then(
      () => {
        isAcknowledged = true;
      },
      () => undefined,
    );
    await pause(A_WHILE_MS);
    if (world.fixture.commits === 'quorum') t.false(isAcknowledged);
    const ended = await primary.promise(epoch + 1);
    await write;
    if (world.fixture.commits === 'quorum') t.false(isAcknowledged);
    await t.throwsAsync(cluster.connect(), undefined, 'nobody gets in');
    client.close();
    for (const position of promised) t.true(world.comparePositions(ended, position) >= 0);

    // A restarted agent keeps its word.
    await first.killAgent();
    first.start();
    await first.report((seen) => seen.epoch === epoch + 1);
    t.deepEqual(await first.promise(epoch + 1), promised[0]);
    await cluster.lead(primary, epoch + 1, cluster.members);
    t.deepEqual(await cluster.missing(), []);
  },
};

const failover: ContractCase = {
  title: 'a primary that is gone is followed by the furthest replica, with all that was acknowledged',
  run: async (t, cluster) => {
    const old = cluster.primary;
    await cluster.write(20);
    for (const replica of cluster.replicas) await cluster.untilThere(replica);
    await old.killAgent();
    await kill(old);
    const start = performance.now();
    await cluster.elect(cluster.replicas);
    t.log(`promise, promote, follow, open: ${Math.round(performance.now() - start)} ms`);
    t.deepEqual(await cluster.missing(), []);
    await cluster.write(10);

    old.start();
    await old.report((seen) => !seen.open);
    await t.throwsAsync(cluster.connect(old), undefined, 'the old primary admits nobody');
    t.log(await old.comeBack(cluster.epoch, 1, cluster.primary));
    await cluster.primary.report(streamingTo(2));
    await cluster.untilThere(old);
  },
};

const switchover: ContractCase = {
  title: 'a primary steps down for another that has all of it, and follows without being copied',
  run: async (t, cluster) => {
    const { primary: old, epoch, world } = cluster;
    const [target] = cluster.replicas as [ContractMember];
    await cluster.write(10);
    const mine = await old.promise(epoch + 1);
    const theirs = await target.promise(epoch + 1);
    t.is(world.comparePositions(mine, theirs), 0, `${mine.value} and ${theirs.value}`);
    const server = await target.serverPid();
    await cluster.lead(target, epoch + 1, cluster.members);
    t.is(await target.serverPid(), server, 'the server that is promoted is not started anew');
    t.deepEqual(await cluster.missing(), []);
    await cluster.write(10);
    for (const replica of cluster.replicas) await cluster.untilThere(replica);
  },
};

const divergence: ContractCase = {
  title: 'what only a left primary has keeps it from following, until it has come back without it',
  run: async (t, cluster) => {
    const { primary: old, epoch, world } = cluster;
    const client = await cluster.connect();
    for (const replica of cluster.replicas) await replica.promise(epoch + 1);
    const number = cluster.takeNumber();
    const write = client.write(number).catch(() => undefined);
    await pause(A_WHILE_MS);
    await old.killAgent();
    await kill(old);
    await write;
    client.close();
    await cluster.elect(cluster.replicas);
    old.start();
    const how = await old.comeBack(cluster.epoch, 1, cluster.primary);
    t.is(how, world.fixture.rejoins);
    await cluster.untilThere(old);
    const there = await cluster.connect(old);
    t.false((await there.numbers()).includes(number));
    there.close();
    await cluster.primary.report(streamingTo(2));
  },
};

const damage: ContractCase = {
  title: 'a member whose data are damaged says so, serves nobody, and is whole again after a copy',
  run: async (t, cluster) => {
    const [broken, other] = cluster.replicas as [ContractMember, ContractMember];
    await broken.endAgent();
    await cluster.world.fixture.damage(`${broken.volume}/data`);
    broken.start();
    const report = await broken.report((seen) => seen.detail !== '');
    t.false(report.up);
    t.log(report.detail);
    await cluster.write(5);
    await cluster.elect([cluster.primary, other]);
    await broken.seed(cluster.epoch, 1, cluster.primary);
    await broken.follow(cluster.epoch, 1, cluster.primary);
    await cluster.untilThere(broken);
  },
};

const fullDisk: ContractCase = {
  title: 'a full disk loses nothing that was acknowledged, and the cluster goes on when there is room',
  run: async (t, cluster) => {
    const { world } = cluster;
    const [first] = world.members;
    const disk = await world.giveDisk();
    if (disk === undefined) {
      t.log('skipped: a file system of its own can be made by root only');
      return;
    }
    await cluster.handTo(first);
    await disk.fill();
    await world.fixture.fill(cluster.placeOf(first)).catch((error: Error) => t.log(error.message));
    await disk.free();
    const deadline = Date.now() + 60_000;
    for (;;) {
      const failure = await cluster.write(1).then(
        () => undefined,
        (error: Error) => error,
      );
      if (failure === undefined) break;
      if (Date.now() > deadline) throw failure;
      await pause(200);
    }
    t.deepEqual(await cluster.missing(), []);
    for (const replica of cluster.replicas) await cluster.untilThere(replica);
  },
};

const parameters: ContractCase = {
  title:
    'a parameter comes into force at once where the engine can, else by a restart that was allowed; it outlives both',
  run: async (t, cluster) => {
    const { primary, replicas, epoch, world } = cluster;
    const { live, restart } = world.fixture.parameters;
    const told = ({ name }: { name: string }) => world.fixture.parameterOf(cluster.placeOf(primary), name);
    const liveOnly = { generation: 1, values: { [live.name]: live.value }, mayRestart: false };
    const server = await primary.serverPid();
    for (const member of cluster.members) t.false(await member.setParameters(epoch, liveOnly));
    t.is(await told(live), live.told);
    t.is(await primary.serverPid(), server);

    const both = { generation: 2, values: { ...liveOnly.values, [restart.name]: restart.value } };
    t.true(await primary.setParameters(epoch, { ...both, mayRestart: false }));
    t.not(await told(restart), restart.told);
    for (const member of [...replicas, primary]) {
      t.false(await member.setParameters(epoch, { ...both, mayRestart: true }));
    }
    await primary.report(streamingTo(2));
    t.not(await primary.serverPid(), server);
    for (const parameter of [live, restart]) t.is(await told(parameter), parameter.told);
    t.deepEqual(await cluster.missing(), []);
    await cluster.write(3);
  },
};

const accounts: ContractCase = {
  title: 'a user does what is granted, with its own password, until it is gone; so it is for who leads next',
  run: async (t, cluster) => {
    const { epoch, world, primary } = cluster;
    const { database } = world.fixture;
    const [owner, reader] = ['owner-1', 'reader_1'];
    const verifier = world.verifier(OTHER_PASSWORD);
    const gone = { users: [], databases: [] };
    const told = async (wished: Partial<Accounts>, member = primary): Promise<void> =>
      await member.setAccounts(cluster.epoch, { generation: 1, users: [], databases: [], gone, ...wished });
    const keepers = (): readonly ContractMember[] =>
      world.accounts.appliedBy === 'primary' ? [cluster.primary] : cluster.members;
    const as = (user: string, password = OTHER_PASSWORD) =>
      world.fixture.connect({ ...cluster.placeOf(cluster.primary, user, password), database });
    const databases = world.accounts.hasDatabases ? [{ name: database }] : [];
    const user = (name: string, privilege: string) => ({ name, verifier, grants: [{ database, privilege }] });
    const both = { users: [user(owner, 'all'), user(reader, 'read')], databases };

    for (const member of keepers()) await told(both, member);
    for (const member of keepers()) await told(both, member);
    await t.throwsAsync(as(owner, 'wrong'));
    const client = await as(owner);
    await client.write(OF_THE_OWNER);
    client.close();
    const other = await as(reader);
    t.true((await other.numbers()).includes(OF_THE_OWNER));
    await t.throwsAsync(other.write(OF_THE_OWNER + 1));
    other.close();
    t.is(cluster.epoch, epoch);

    await cluster.elect(cluster.members);
    (await as(owner)).close();
    const less = { generation: 2, users: [user(owner, 'all')], databases, gone: { users: [reader], databases: [] } };
    for (const member of keepers()) await told(less, member);
    for (const member of keepers()) await told(less, member);
    await t.throwsAsync(as(reader), undefined, 'who is gone comes in no more');
    (await as(owner)).close();
    t.deepEqual(await cluster.missing(), []);
  },
};

export const contractCases: readonly ContractCase[] = [
  ...[founding, clients, repeats, positions, adoption, parameters, accounts, crashedReplica, crashedPrimary],
  ...[promises, failover, switchover, divergence, damage, fullDisk],
];
