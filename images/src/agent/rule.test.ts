// The rule of a cluster changes under a client that writes: from three voters to four, and back to three others. The
// tests are one story.
import { spawnSync } from 'node:child_process';
import { datastores } from '@argosy/datastores';
import { status } from '@grpc/grpc-js';
import test from 'ava';
import { newFederation } from '../testing/federation.ts';
import { Guest } from '../testing/guest.ts';
import { pause, soon } from '../testing/waiting.ts';
import { Writer } from '../testing/writer.ts';

const PASSWORD = 'correct horse battery';
const verifier = datastores.find('postgresql')?.passwordVerifier(PASSWORD, Buffer.alloc(16, 7)) ?? '';
const admin = { name: 'admin', verifier, generation: 1 };
/** Long enough for a commit that nothing holds up. */
const A_WHILE_MS = 600;

let [first, second, third, fourth]: [Guest, Guest, Guest, Guest] = [] as never;
let old: Guest[];
const writer = new Writer();
let doorShut = 0;
const endings: (() => Promise<void>)[] = [];

test.before(async () => {
  const federation = await newFederation();
  const boot = (ordinal: number) =>
    Guest.boot(federation, { clusterId: 'r1', ordinal }, (call) => {
      endings.push(call);
    });
  [first, second, third, fourth] = [await boot(1), await boot(2), await boot(3), await boot(4)];
  old = [first, second, third];
  await Promise.all([...old, fourth].map((guest) => guest.enrol()));
  await first.initialise();
  // Who is a peer and no voter copies, and counts nowhere.
  await first.promote(1, 1, { voters: old, peers: [...old, fourth], admin });
  await Promise.all([second, third, fourth].map((guest) => guest.seed(1, 1, first)));
  await Promise.all([second, third, fourth].map((guest) => guest.follow(1, 1, first)));
  await first.open(1, 1);
  const client = await first.connect(PASSWORD);
  await client.query('create table written (n int primary key)');
  await client.end();
});

test.after.always(async () => {
  await writer.stop();
  await Promise.allSettled(endings.map((end) => end()));
});

test.serial(
  'with a new rule in force, commits wait until as many voters as it wants have renewed their streams',
  async (t) => {
    writer.start([first], PASSWORD);
    await writer.untilMore(20);
    const watch = first.agent.observe({}, { deadline: soon(120_000) });
    watch.on('data', ({ report }: { report?: { open: boolean } }) => {
      if (report?.open === false) doorShut += 1;
    });
    watch.on('error', () => {});
    endings.push(async () => watch.cancel());

    await first.promote(1, 2, { voters: [...old, fourth] });
    const error = await t.throwsAsync(first.open(1, 2, soon(2_500)));
    t.is((error as { code?: number } | undefined)?.code, status.DEADLINE_EXCEEDED);
    const before = writer.acknowledged.length;
    await pause(A_WHILE_MS);
    t.is(writer.acknowledged.length, before);

    await fourth.follow(1, 2, first);
    await pause(A_WHILE_MS);
    t.is(writer.acknowledged.length, before);

    await Promise.all([second.follow(1, 2, first), third.follow(1, 2, first)]);
    t.is((await first.open(1, 2)).epoch, 1);
    await writer.untilMore(20);
    t.log(`four voters, two acknowledgements; longest pause with two waits of ours: ${writer.takeLongestPauseMs()} ms`);
    const client = await first.connect(PASSWORD);
    const { rows } = await client.query('show synchronous_standby_names');
    t.deepEqual(rows, [{ synchronous_standby_names: 'ANY 2 ("r1-2.1.2", "r1-3.1.2", "r1-4.1.2")' }]);
    await client.end();
  },
);

test.serial('a repeated rule is left as it is, and an older one is refused', async (t) => {
  const inside = await first.inside();
  const loaded = async () => (await inside.query('select pg_conf_load_time()::text as time')).rows[0].time;
  const before = await loaded();
  const position = await first.promote(1, 2, { voters: [...old, fourth] });
  t.deepEqual(await first.promote(1, 2, { voters: [...old, fourth] }), position);
  t.is(await loaded(), before);
  await inside.end();
  await t.throwsAsync(first.promote(1, 2, { voters: old }), { message: /another rule here/ });
  await t.throwsAsync(first.promote(1, 1, { voters: old }), { message: /generation 1; .* generation 2/ });
  await t.throwsAsync(second.follow(1, 1, first), { message: /generation 1; .* generation 2/ });
});

test.serial('a voter that left counts no more, and its slot goes when it has gone', async (t) => {
  const voters = [first, second, fourth];
  // A sender that still has the old rule could release a commit by it: Promote answers when there is none.
  const inside = await first.inside();
  const { rows } = await inside.query("select pid from pg_stat_replication where application_name = 'r1-3.1.2'");
  const sender = Number(rows[0].pid);
  await inside.end();
  process.kill(sender, 'SIGSTOP');
  t.teardown(() => spawnSync('kill', ['-CONT', String(sender)]));
  let isAnswered = false;
  const promote = first.promote(1, 3, { voters }).finally(() => {
    isAnswered = true;
  });
  await first.report((seen) => seen.generation === 3);
  await pause(A_WHILE_MS);
  t.false(isAnswered);
  process.kill(sender, 'SIGCONT');
  await promote;
  await Promise.all([second.follow(1, 3, first), fourth.follow(1, 3, first)]);
  await first.open(1, 3);
  await writer.untilMore(20);
  t.log(`three voters again; longest pause: ${writer.takeLongestPauseMs()} ms`);
  const report = await first.report((seen) => seen.up && seen.streams.filter((s) => s.countsForCommit).length === 2);
  t.false(report.streams.some((stream) => stream.memberId === third.memberId && stream.countsForCommit));

  await third.end('SIGTERM');
  const client = await first.connect(PASSWORD);
  const slots = async () =>
    (await client.query('select slot_name::text from pg_replication_slots order by 1')).rows.map(
      (row) => row.slot_name,
    );
  while ((await slots()).includes('argosy_r1_3')) await pause(50);
  t.deepEqual(await slots(), ['argosy_r1_2', 'argosy_r1_4']);
  await client.end();
});

test.serial('the client that wrote all the while was never cut off, and nothing acknowledged is missing', async (t) => {
  await writer.stop();
  t.deepEqual(writer.errors, []);
  t.is(writer.reconnections, 0);
  t.is(doorShut, 0);
  const client = await first.connect(PASSWORD);
  const { rows } = await client.query('select n from written');
  const kept = new Set(rows.map((row) => row.n));
  t.deepEqual(
    writer.acknowledged.filter((number) => !kept.has(number)),
    [],
  );
  t.log(`${writer.acknowledged.length} acknowledged`);
  await client.end();
});

test.serial('a guest that comes back larger makes its database larger, and the replicas keep up with it', async (t) => {
  t.is(await first.end('SIGTERM'), 0);
  await first.writeUserData({ memory_mib: 1024 });
  first.start();
  const report = await first.report((seen) => seen.up && seen.open);
  t.like(report, { epoch: 1, generation: 3 });
  const sizes =
    "select current_setting('shared_buffers') as buffers, current_setting('max_connections') as connections";
  const client = await first.connect(PASSWORD);
  t.deepEqual((await client.query(sizes)).rows, [{ buffers: '256MB', connections: '100' }]);
  await client.query('insert into written values (0)');
  await client.end();

  await first.report((seen) => seen.up && seen.streams.filter((s) => s.streaming && s.lagBytes === 0).length === 2);
  for (const guest of [second, fourth]) {
    const has = async (): Promise<boolean> => {
      const replica = await guest.connect(PASSWORD).catch(() => undefined);
      const result = await replica?.query('select n from written where n = 0').catch(() => undefined);
      await replica?.end();
      return result?.rows.length === 1;
    };
    while (!(await has())) await pause(50);
  }
});
