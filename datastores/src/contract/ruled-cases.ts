// The contract of an engine that rules itself, told as one story in which each case begins where the one before it ended.
// What it shares with the other contract is that a tenant's writes are looked for after everything that happens.
import { type ConnectionOptions, connect } from 'node:tls';
import type { ExecutionContext } from 'ava';
import type { RuledContractMember, RuledWorld, TenantClient } from './fixture.ts';

export interface RuledCase {
  readonly title: string;
  run(t: ExecutionContext, cluster: RuledCluster): Promise<void>;
}

const ATTEMPTS_MS = 40_000;
const POLL_MS = 100;
const HEARD_MS = 5_000;

/** On its way through the contract: what was acknowledged. */
export class RuledCluster {
  readonly world: RuledWorld;
  readonly acknowledged: number[] = [];
  #next = 1;

  constructor(world: RuledWorld) {
    this.world = world;
  }

  get admin() {
    return { name: 'admin', verifier: this.world.verifier(this.world.password), generation: 1 };
  }

  connect({ address }: RuledContractMember, user = 'admin', password = this.world.password): Promise<TenantClient> {
    return this.world.fixture.connect(this.placeOf({ address }, user, password));
  }

  placeOf({ address }: Pick<RuledContractMember, 'address'>, user = 'admin', password = this.world.password) {
    return { address, port: this.world.fixture.port, root: this.world.root, user, password };
  }

  /** Writes so many numbers; each counts when it was acknowledged. */
  async write(member: RuledContractMember, count: number): Promise<void> {
    const client = await this.connect(member);
    for (let written = 0; written < count; written++) {
      const number = this.#next++;
      await client.write(number);
      this.acknowledged.push(number);
    }
    client.close();
  }

  async missing(member: RuledContractMember): Promise<number[]> {
    const there = new Set(await (await this.connect(member)).numbers());
    return this.acknowledged.filter((number) => !there.has(number));
  }

  /** The member serves, with all that was acknowledged. */
  async untilWhole(member: RuledContractMember): Promise<void> {
    await member.report(({ up }) => up);
    await eventually(async () => {
      const missing = await this.missing(member);
      if (missing.length > 0) throw new Error(`${member.memberId} has not got ${missing.slice(0, 5).join(', ')}.`);
    });
  }
}

export async function eventually(attempt: () => Promise<void>): Promise<void> {
  const deadline = Date.now() + ATTEMPTS_MS;
  for (;;) {
    const failure = await attempt().then(
      () => undefined,
      (error: unknown) => error,
    );
    if (failure === undefined) return;
    if (Date.now() > deadline) throw failure;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

export async function kill(member: RuledContractMember): Promise<number> {
  const pid = await member.serverPid();
  if (pid === undefined) throw new Error(`No server of ${member.memberId} runs.`);
  process.kill(pid, 'SIGKILL');
  return pid;
}

const founding: RuledCase = {
  title: 'one member is a cluster, and two more join it',
  run: async (t, cluster) => {
    const { fixture, members } = cluster.world;
    const [first, second, third] = members;
    await t.throwsAsync(first.found(cluster.admin, '0.1'), { message: /for version 0\.1/ });
    const start = performance.now();
    await first.found(cluster.admin);
    t.log(`founded in ${Math.round(performance.now() - start)} ms`);
    await cluster.write(first, 10);
    await second.join([first]);
    await third.join([first, second]);
    t.log(`three members of ${fixture.datastore} after ${Math.round(performance.now() - start)} ms`);
    for (const member of members) await cluster.untilWhole(member);
    for (const member of members) await cluster.write(member, 5);
  },
};

const clients: RuledCase = {
  title: 'a client comes in by TLS with its password, and in no other way',
  run: async (t, cluster) => {
    const { fixture, members } = cluster.world;
    for (const member of members) {
      await t.throwsAsync(fixture.connectInTheOpen(cluster.placeOf(member)), { instanceOf: Error, message: /./ });
      for (const [user, password] of [
        ...[['admin', 'wrong'] as const, ['admin', ''] as const],
        ...['root', 'argosy'].map((own) => [own, cluster.world.password] as const),
      ]) {
        await t.throwsAsync(cluster.connect(member, user, password), undefined, user);
      }
    }
  },
};

export const strangers: RuledCase = {
  title: 'members let in those of their own cluster, and nobody of another',
  run: async (t, { world: { members, root, peerPort, stranger, fixture, ...world } }) => {
    for (const { address: host, volume } of members) {
      const shown = await fixture.peerCertificate?.(volume);
      const own = shown ?? world.own;
      // What all of them show names nobody.
      const trust =
        shown === undefined ? { ca: root } : { ca: shown.certificate, checkServerIdentity: () => undefined };
      const place = { host, port: peerPort, ...trust };
      t.true((await heard({ ...place, cert: own.certificate, key: own.key })) > 0);
      await t.throwsAsync(heard({ ...place, cert: stranger.certificate, key: stranger.key }));
      await t.throwsAsync(heard(place), undefined, 'without a certificate');
    }
  },
};

/** How many bytes a server answers to whatever it is asked. @throws Error when it cuts the connection */
function heard(options: ConnectionOptions): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket = connect(options, () => socket.write('GET / HTTP/1.0\r\n\r\n'));
    socket.setTimeout(HEARD_MS, () => socket.destroy(new Error('It says nothing.')));
    socket.once('data', (data: Buffer) => {
      resolve(data.length);
      socket.destroy();
    });
    socket.on('error', reject);
    socket.once('close', () => reject(new Error('It cut the connection.')));
  });
}

const repeats: RuledCase = {
  title: 'a repeated command changes nothing, and what is not for such a member is refused with the reason',
  run: async (t, cluster) => {
    const [first, second, third] = cluster.world.members;
    const before = await Promise.all(cluster.world.members.map((member) => member.serverPid()));
    await first.found(cluster.admin);
    await second.join([first, third]);
    t.deepEqual(await Promise.all(cluster.world.members.map((member) => member.serverPid())), before);
    t.deepEqual(await cluster.missing(second), []);
    await t.throwsAsync(third.open(), { message: /rules itself/ });
    await t.throwsAsync(third.dismiss(third), { message: /by another one/ });
  },
};

const adoption: RuledCase = {
  title: 'an agent that was killed takes over the running server, which noticed nothing',
  run: async (t, cluster) => {
    const [first] = cluster.world.members;
    const before = await first.serverPid();
    await first.killAgent();
    await cluster.write(first, 3);
    first.start();
    await first.report(({ up }) => up);
    t.is(await first.serverPid(), before);
    await cluster.write(first, 3);
  },
};

const crash: RuledCase = {
  title: 'a member whose server was killed comes back by itself, and the others serve meanwhile',
  run: async (t, cluster) => {
    for (const member of cluster.world.members) {
      const other = cluster.world.members.find((each) => each !== member) ?? member;
      const before = await kill(member);
      await eventually(() => cluster.write(other, 3));
      await eventually(async () => {
        const now = await member.serverPid();
        if (now === undefined || now === before) throw new Error(`${member.memberId} does not run.`);
      });
      await cluster.untilWhole(member);
    }
    t.pass();
  },
};

const leaving: RuledCase = {
  title: 'a member that was dismissed serves no more, and joins anew as one that has nothing',
  run: async (t, cluster) => {
    const [first, second, third] = cluster.world.members;
    await eventually(() => first.dismiss(third));
    await first.dismiss(third);
    await third.report(({ up }) => !up);
    await t.throwsAsync(cluster.connect(third), undefined, 'it admits nobody');
    await eventually(() => cluster.write(second, 5));
    await third.join([first, second]);
    await cluster.untilWhole(third);
  },
};

const parameters: RuledCase = {
  title: 'a member starts anew with other parameters, and with those of before when it does not start with them',
  run: async (t, cluster) => {
    const [first, second] = cluster.world.members;
    const { good, bad } = cluster.world.fixture.parameters;
    const before = await second.serverPid();
    await second.setParameters(1, good);
    t.not(await second.serverPid(), before);
    await cluster.untilWhole(second);
    await t.throwsAsync(second.setParameters(2, bad), { message: /has those of before again/ });
    await cluster.untilWhole(second);
    await cluster.write(first, 3);
  },
};

const damage: RuledCase = {
  title: 'a member whose data are damaged says so, and is whole again after it was dismissed and has joined',
  run: async (t, cluster) => {
    const [first, second, third] = cluster.world.members;
    await third.endAgent();
    await cluster.world.fixture.damage(`${third.volume}/data`);
    third.start();
    const report = await third.report((seen) => seen.detail !== '' && !seen.up);
    t.log(report.detail);
    await cluster.write(first, 5);
    await eventually(() => second.dismiss(third));
    await third.join([first, second]);
    await cluster.untilWhole(third);
    t.false(report.up);
  },
};

const lostVolume: RuledCase = {
  title:
    'a member that has lost its volume serves nothing, and joins as one that has nothing under a name that is known',
  run: async (t, cluster) => {
    const [first, second, third] = cluster.world.members;
    await second.endAgent();
    await second.loseVolume();
    t.false((await second.report(({ detail }) => detail !== '')).up);
    await eventually(() => cluster.write(third, 3));
    await second.join([first, third]);
    await cluster.untilWhole(second);
  },
};

const lostMajority: RuledCase = {
  title: 'without a majority nothing is acknowledged, and the member says that it does not serve',
  run: async (t, cluster) => {
    const [first, second, third] = cluster.world.members;
    for (const member of [second, third]) {
      await member.killAgent();
      await kill(member);
    }
    const report = await first.report(({ up }) => !up);
    t.log(report.detail);
    await t.throwsAsync(cluster.write(first, 1));
    for (const member of [second, third]) member.start();
    for (const member of cluster.world.members) await cluster.untilWhole(member);
  },
};

const totalLoss: RuledCase = {
  title: 'all members ended at once come back by themselves, with all that was acknowledged',
  run: async (t, cluster) => {
    const { members } = cluster.world;
    await cluster.write(members[0], 20);
    for (const member of members) await member.killAgent();
    for (const member of members) await kill(member);
    const start = performance.now();
    for (const member of members) member.start();
    for (const member of members) await cluster.untilWhole(member);
    t.log(`whole again after ${Math.round(performance.now() - start)} ms`);
    await cluster.write(members[1], 3);
    t.deepEqual(await cluster.missing(members[2]), []);
  },
};

const totalRest: RuledCase = {
  title: 'all members that have stopped come back, by themselves or from the one that has the most',
  run: async (t, cluster) => {
    const { members, fixture } = cluster.world;
    const [first, second, third] = members;
    await third.endAgent();
    await eventually(() => cluster.write(first, 3));
    await second.endAgent();
    // Who has left is not counted: where the engine says so, the last one serves alone.
    if (fixture.isRefounded) await eventually(() => cluster.write(first, 3));
    await first.endAgent();
    for (const member of members) member.start();
    if (fixture.isRefounded) {
      const promised = await Promise.all(members.map(async (member) => ({ member, ...(await member.promise(2)) })));
      t.log(promised.map(({ value }) => value).join(' '));
      const furthest = promised.reduce((left, right) =>
        cluster.world.comparePositions(left, right) < 0 ? right : left,
      ).member;
      await furthest.refound(2);
      await furthest.refound(2);
      for (const member of members) if (member !== furthest) await member.join([furthest], 2);
      await t.throwsAsync(furthest.promise(3), { message: /it serves/ });
    }
    for (const member of members) await cluster.untilWhole(member);
    await cluster.write(second, 3);
    t.pass();
  },
};

const fullDisk: RuledCase = {
  title: 'a member whose disk is full holds nobody up, and has everything again when there is room',
  run: async (t, cluster) => {
    const { world } = cluster;
    const [, second, third] = world.members;
    const disk = await world.giveDisk();
    if (disk === undefined) {
      t.log('skipped: a file system of its own can be made by root only');
      t.pass();
      return;
    }
    await cluster.untilWhole(third);
    await disk.fill();
    await world.fixture.fill(cluster.placeOf(second)).catch((error: Error) => t.log(error.message));
    t.log((await third.report(({ up }) => !up)).detail);
    await eventually(() => cluster.write(second, 5));
    await disk.free();
    await cluster.untilWhole(third);
    await cluster.write(third, 3);
    t.deepEqual(await cluster.missing(second), []);
  },
};

export const ruledCases: readonly RuledCase[] = [
  ...[founding, clients, strangers, repeats, adoption, crash, leaving],
  ...[parameters, damage, lostVolume, lostMajority, totalLoss, totalRest, fullDisk],
];
