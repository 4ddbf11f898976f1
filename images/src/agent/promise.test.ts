// What members promise, and what is made of it: an election, then a primary that changes its place by plan and comes
// back. The tests are one story.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { datastores } from '@argosy/datastores';
import { MemberRole } from '@argosy/proto';
import { status } from '@grpc/grpc-js';
import test from 'ava';
import { newFederation } from '../testing/federation.ts';
import { Guest } from '../testing/guest.ts';
import { pause } from '../testing/waiting.ts';
import { Writer } from '../testing/writer.ts';

const PASSWORD = 'correct horse battery';
const postgresql = datastores.find('postgresql');
const verifier = postgresql?.passwordVerifier(PASSWORD, Buffer.alloc(16, 7)) ?? '';
const admin = { name: 'admin', verifier, generation: 1 };
const order = postgresql?.comparePositions ?? (() => Number.NaN);
/** Long enough for a commit that nothing holds up, and for a receiver to come back. */
const A_WHILE_MS = 600;
const SWITCHOVERS = 5;

let [first, second, third]: [Guest, Guest, Guest] = [] as never;
let guests: Guest[];
const writer = new Writer();
const endings: (() => Promise<void>)[] = [];

test.before(async () => {
  const federation = await newFederation();
  const boot = (ordinal: number) =>
    Guest.boot(federation, { clusterId: 'p1', ordinal }, (call) => {
      endings.push(call);
    });
  [first, second, third] = [await boot(1), await boot(2), await boot(3)];
  guests = [first, second, third];
  await Promise.all(guests.map((guest) => guest.enrol()));
  await first.initialise();
  await first.promote(1, 1, { voters: guests, admin });
});

test.after.always(async () => {
  await writer.stop();
  await Promise.allSettled(endings.map((end) => end()));
});

test.serial('a member without data, or whose copy has not caught up, promises nothing and leads nothing', async (t) => {
  const empty = await t.throwsAsync(second.promise(2), { message: /volume is empty/ });
  t.is((empty as { code?: number } | undefined)?.code, status.FAILED_PRECONDITION);
  await Promise.all([second.seed(1, 1, first), third.seed(1, 1, first)]);
  await t.throwsAsync(second.promise(2), { message: /has not caught up/ });
  await t.throwsAsync(second.promote(2, 1, { voters: guests }), { message: /has not caught up/ });

  await Promise.all([second.follow(1, 1, first), third.follow(1, 1, first)]);
  await first.open(1, 1);
  const client = await first.connect(PASSWORD);
  await client.query('create table written (n int primary key)');
  await client.query('insert into written values (-1)');
  await client.end();
});

test.serial('a promise ends the receiver though replay is behind, and answers when all is replayed', async (t) => {
  await third.promise(2);
  const inside = await second.inside();
  await inside.query('select pg_wal_replay_pause()');
  const client = await first.connect(PASSWORD);
  await client.query('insert into written values (-2)');

  let isAnswered = false;
  const promise = second.promise(2).finally(() => {
    isAnswered = true;
  });
  const receivers = async () =>
    (await inside.query("select 1 from pg_stat_activity where backend_type = 'walreceiver'")).rows.length;
  while ((await receivers()) > 0) await pause(10);
  let isAcknowledged = false;
  const commit = client.query('insert into written values (-3)').then(
    () => {
      isAcknowledged = true;
    },
    () => undefined,
  );
  await pause(A_WHILE_MS);
  t.is(await receivers(), 0);
  t.false(isAcknowledged);
  t.false(isAnswered);

  await inside.query('select pg_wal_replay_resume()');
  const position = await promise;
  t.is(position.epoch, 1);
  await inside.end();

  const ended = await first.promise(2);
  await commit;
  t.false(isAcknowledged);
  t.true(order(ended, position) > 0, `${ended.value} and ${position.value}`);
  t.deepEqual(await first.promise(2), ended);
  t.deepEqual(await second.promise(2), position);
});

test.serial('a promise outlives the agent and its database, and binds', async (t) => {
  const before = await second.promise(2);
  const database = (await second.databasePid()) ?? 0;
  await second.end('SIGKILL');
  second.start();
  const report = await second.report((seen) => seen.epoch === 2);
  t.like(report, { up: false, generation: 0, role: MemberRole.UNSPECIFIED });
  t.not(await second.databasePid(), database);
  t.deepEqual(await second.promise(2), before);
  await t.throwsAsync(second.promise(1), { message: /epoch 1; .* promised epoch 2/ });
  await t.throwsAsync(second.follow(1, 1, first), { message: /epoch 1; .* promised epoch 2/ });
});

test.serial(
  'the furthest is elected, and what a broken promotion left behind keeps nobody from following',
  async (t) => {
    await writeFile(join(second.volume, 'data/pg_wal/00000002.history'), '');
    await first.promote(2, 1, { voters: guests });
    await Promise.all([second.follow(2, 1, first), third.follow(2, 1, first)]);
    await first.open(2, 1);
    const late = await t.throwsAsync(first.promise(2, 1), { message: /primary in epoch 2 already/ });
    t.is((late as { code?: number } | undefined)?.code, status.FAILED_PRECONDITION);
    const client = await first.connect(PASSWORD);
    const { rows } = await client.query('select n from written where n > -3 order by n');
    t.deepEqual(rows, [{ n: -2 }, { n: -1 }]);
    await client.end();
  },
);

test.serial(
  'the primary changes its place again and again: none acknowledged is lost, nobody is rewound or copied',
  async (t) => {
    writer.start(guests, PASSWORD);
    await writer.untilMore(10);
    let primary = first;
    for (let epoch = 3; epoch < 3 + SWITCHOVERS; epoch++) {
      const target = primary === first ? second : first;
      const start = performance.now();
      const took = () => Math.round(performance.now() - start);
      const old = await primary.promise(epoch);
      const ended = took();
      const position = await target.promise(epoch);
      t.is(order(old, position), 0);
      const promised = took();
      await target.promote(epoch, 1, { voters: guests });
      const promoted = took();
      const others = guests.filter((guest) => guest !== target);
      await Promise.all(others.map((guest) => guest.follow(epoch, 1, target)));
      const followed = took();
      await target.open(epoch, 1);
      const opened = took();
      await writer.untilMore(10);
      t.log(
        `to ${target.memberId}: promise ${ended} ms, promise ${promised}, promote ${promoted}, follow ${followed}, open ${opened}; the client's pause: ${writer.takeLongestPauseMs()} ms`,
      );
      primary = target;
    }
    await writer.stop();
    const client = await primary.connect(PASSWORD);
    const { rows } = await client.query('select n from written where n > 0');
    const kept = new Set(rows.map((row) => row.n));
    t.deepEqual(
      writer.acknowledged.filter((number) => !kept.has(number)),
      [],
    );
    t.is(kept.size, rows.length);
    t.log(`${writer.acknowledged.length} acknowledged, ${writer.errors.length} unknown`);
    await client.end();
    for (const guest of guests) t.notRegex(guest.log, /must be seeded/);
  },
);
