// The contract of an engine's own arbiter, told as one story: two members with data, and one that votes and holds none. The
// world's third member is the arbiter.
import type { RuledContractMember } from './fixture.ts';
import { eventually, kill, type RuledCase, strangers } from './ruled-cases.ts';

/** As it is now, and not as it was last heard. */
async function untilUp(arbiter: RuledContractMember): Promise<void> {
  const now = new Date();
  await arbiter.report(({ up, time }) => up && time !== undefined && time > now);
}

const founding: RuledCase = {
  title: 'two members with data and an arbiter are a cluster, and the arbiter admits no client',
  run: async (t, cluster) => {
    const [first, second, arbiter] = cluster.world.members;
    await first.found(cluster.admin);
    await second.join([first]);
    const start = performance.now();
    await arbiter.join([first, second]);
    t.log(`the arbiter joined in ${Math.round(performance.now() - start)} ms`);
    await untilUp(arbiter);
    await cluster.write(first, 5);
    await cluster.write(second, 5);
    await t.throwsAsync(cluster.connect(arbiter));
  },
};

const repeats: RuledCase = {
  title: 'a repeated join of an arbiter changes nothing, and what is not for it is refused with the reason',
  run: async (t, cluster) => {
    const [first, second, arbiter] = cluster.world.members;
    const before = await arbiter.serverPid();
    await arbiter.join([second, first]);
    t.is(await arbiter.serverPid(), before);
    await t.throwsAsync(arbiter.dismiss(first), { message: /Only a member with data/ });
    await t.throwsAsync(arbiter.promise(2), { message: /comes back by itself/ });
    await t.throwsAsync(arbiter.open(), { message: /rules itself/ });
  },
};

const adoption: RuledCase = {
  title: "an agent that was killed takes over the arbiter's running server, and one that has ended leaves none",
  run: async (t, cluster) => {
    const [first, , arbiter] = cluster.world.members;
    const before = await arbiter.serverPid();
    await arbiter.killAgent();
    await cluster.write(first, 3);
    arbiter.start();
    await untilUp(arbiter);
    t.is(await arbiter.serverPid(), before);
    await arbiter.endAgent();
    t.is(await arbiter.serverPid(), undefined);
    await cluster.write(first, 3);
    arbiter.start();
    await untilUp(arbiter);
  },
};

const crash: RuledCase = {
  title: 'an arbiter whose server was killed comes back by itself, and the others serve meanwhile',
  run: async (t, cluster) => {
    const [first, , arbiter] = cluster.world.members;
    const before = await kill(arbiter);
    await eventually(() => cluster.write(first, 3));
    await eventually(async () => {
      const now = await arbiter.serverPid();
      if (now === undefined || now === before) throw new Error('The arbiter does not run.');
    });
    await untilUp(arbiter);
    t.pass();
  },
};

const oneLost: RuledCase = {
  title: 'with either member lost the other goes on with the arbiter, and the lost one comes back whole',
  run: async (t, cluster) => {
    const [first, second, arbiter] = cluster.world.members;
    for (const [lost, left] of [[first, second] as const, [second, first] as const]) {
      await lost.killAgent();
      await kill(lost);
      const start = performance.now();
      await eventually(() => cluster.write(left, 5));
      t.log(`five writes after ${Math.round(performance.now() - start)} ms`);
      await untilUp(arbiter);
      lost.start();
      await cluster.untilWhole(lost);
    }
    t.deepEqual(await cluster.missing(first), []);
  },
};

const onePromise: RuledCase = {
  title: 'one that comes back to the arbiter alone serves nothing, for the other went on without it; that one does',
  run: async (t, cluster) => {
    const [first, second, arbiter] = cluster.world.members;
    await first.killAgent();
    await kill(first);
    await eventually(() => cluster.write(second, 5));
    await second.killAgent();
    await kill(second);
    first.start();
    // Answered only by one that no majority was behind for ten seconds.
    await first.promise(2);
    await arbiter.report(({ up }) => !up);
    second.start();
    await cluster.untilWhole(second);
    await cluster.write(second, 3);
    await t.throwsAsync(second.promise(2), { message: /it serves/ });
    await second.join([first], 2);
    await first.join([second], 2);
    await arbiter.join([first, second], 2);
    await cluster.untilWhole(first);
  },
};

const totalLoss: RuledCase = {
  title: 'members and arbiter ended at once come back by themselves, with all that was acknowledged',
  run: async (t, cluster) => {
    const [first, second, arbiter] = cluster.world.members;
    for (const member of cluster.world.members) await member.killAgent();
    for (const member of cluster.world.members) await kill(member);
    const start = performance.now();
    for (const member of cluster.world.members) member.start();
    for (const member of [first, second]) await cluster.untilWhole(member);
    await untilUp(arbiter);
    t.log(`whole again after ${Math.round(performance.now() - start)} ms`);
    await cluster.write(second, 3);
    t.deepEqual(await cluster.missing(first), []);
  },
};

const totalRest: RuledCase = {
  title: 'an arbiter that all others have left begins anew, and finds the way to the one that begins',
  run: async (t, cluster) => {
    const [first, second, arbiter] = cluster.world.members;
    const before = await arbiter.serverPid();
    await first.endAgent();
    await eventually(() => cluster.write(second, 3));
    await second.endAgent();
    await eventually(async () => {
      const now = await arbiter.serverPid();
      if (now === undefined || now === before) throw new Error('The arbiter holds on alone.');
    });
    for (const member of [first, second]) member.start();
    const [behind, ahead] = await Promise.all([first.promise(3), second.promise(3)]);
    t.true(cluster.world.comparePositions(behind, ahead) < 0);
    await second.refound(3);
    await first.join([second], 3);
    await arbiter.join([first, second], 3);
    for (const member of [first, second]) await cluster.untilWhole(member);
    await cluster.write(first, 3);
  },
};

const leaving: RuledCase = {
  title: 'an arbiter that was dismissed leaves, and one that has lost its volume joins under a name that is known',
  run: async (t, cluster) => {
    const [first, second, arbiter] = cluster.world.members;
    await first.dismiss(arbiter);
    await first.dismiss(arbiter);
    const { detail } = await arbiter.report((seen) => !seen.up && /no more/.test(seen.detail));
    t.is(await arbiter.serverPid(), undefined, detail);
    await cluster.write(second, 3);
    await arbiter.join([first, second], 3);
    await arbiter.endAgent();
    await arbiter.loseVolume();
    await arbiter.join([first, second], 3);
    await untilUp(arbiter);
    await kill(arbiter);
    await untilUp(arbiter);
    await cluster.write(first, 3);
    for (const member of [first, second]) await cluster.untilWhole(member);
  },
};

export const arbiterCases: readonly RuledCase[] = [
  ...[founding, strangers, repeats, adoption, crash, oneLost, onePromise],
  ...[totalLoss, totalRest, leaving],
];
