// What is PostgreSQL's own in a cluster of three real members: the rest is in the contract of every engine. The tests are
// one story: each begins where the one before it ended.
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { datastores } from '@argosy/datastores';
import { MemberRole } from '@argosy/proto';
import test from 'ava';
import pg from 'pg';
import { enginesSchema } from '../engines/engines.ts';
import { type Federation, newFederation } from '../testing/federation.ts';
import { Guest } from '../testing/guest.ts';
import { engines } from '../testing/place.ts';
import { pause } from '../testing/waiting.ts';

const PASSWORD = 'correct horse battery';
const postgresql = datastores.find('postgresql');
/** Longer than the agent waits before it starts a database that has ended by itself. */
const RESTED_MS = 1_500;
const verifier = postgresql?.passwordVerifier(PASSWORD, Buffer.alloc(16, 7)) ?? '';
const admin = { name: 'admin', verifier, generation: 1 };

let federation: Federation;
let guests: Guest[];
let [first, second, third]: [Guest, Guest, Guest] = [] as never;
const endings: (() => Promise<void>)[] = [];

test.before(async () => {
  federation = await newFederation();
  const boot = (ordinal: number) =>
    Guest.boot(federation, { clusterId: 'c1', ordinal }, (call) => {
      endings.push(call);
    });
  guests = [await boot(1), await boot(2), await boot(3)];
  [first, second, third] = guests as [Guest, Guest, Guest];
  await Promise.all(guests.map((guest) => guest.enrol()));
});

test.after.always(async () => {
  await Promise.allSettled(endings.map((end) => end()));
});

test.serial('three members become a cluster, and a client commits by its quorum', async (t) => {
  const timed = async <Answer>(name: string, work: Promise<Answer>): Promise<Answer> => {
    const start = performance.now();
    const answer = await work;
    t.log(`${name}: ${Math.round(performance.now() - start)} ms`);
    return answer;
  };
  await timed('initialise', first.initialise());
  await timed('promote', first.promote(1, 1, { voters: guests, admin }));
  await t.throwsAsync(first.connect(PASSWORD), { message: /no pg_hba.conf entry/ });
  // Its heartbeat waits for voters that there are not yet; a repeat must not wait for the heartbeat.
  await first.report((seen) => /waits for its quorum/.test(seen.detail));
  await timed('promote again', first.promote(1, 1, { voters: guests, admin }));
  // A copy that is broken off is never used, and the next one works.
  const broken = second.seed(1, 1, first).catch(() => undefined);
  while (!existsSync(join(second.volume, 'data/base'))) await pause(5);
  await second.end('SIGKILL');
  second.start();
  await second.report((seen) => /not whole/.test(seen.detail));
  await broken;
  await timed('seed two', Promise.all([second.seed(1, 1, first), third.seed(1, 1, first)]));
  await timed('follow two', Promise.all([second.follow(1, 1, first), third.follow(1, 1, first)]));
  const position = await timed('open', first.open(1, 1));
  t.is(position.epoch, 1);

  const client = await first.connect(PASSWORD);
  await client.query('create table numbers (n int primary key)');
  await client.query('insert into numbers values (1)');
  await client.end();
  const report = await first.report(
    (seen) => seen.up && seen.streams.filter((stream) => stream.countsForCommit).length === 2,
  );
  const names = report.streams.map((stream) => `${stream.memberId}.${stream.epoch}.${stream.generation}`);
  t.deepEqual(names.sort(), ['c1-2.1.1', 'c1-3.1.1']);
  t.true(report.open);
  const copy = await second.report((seen) => seen.up && seen.role === MemberRole.REPLICA);
  t.is(copy.position?.epoch, 1);

  // Clusters come out of one archive; what would let their members copy each other is a cluster's own.
  const identifiers = await Promise.all(
    guests.map(async ({ volume }) => (await readFile(join(volume, 'data/global/pg_control'))).readBigUInt64LE()),
  );
  t.is(new Set(identifiers).size, 1);
  t.not(identifiers[0], await identifierOfTemplate());
});

test.serial('a client comes in by TLS with a password, and not as one of ours', async (t) => {
  const plain = new pg.Client({
    host: first.address,
    port: 5432,
    user: 'admin',
    password: PASSWORD,
    database: 'admin',
  });
  await t.throwsAsync(plain.connect(), { message: /no encryption/ });
  await t.throwsAsync(first.connect('wrong'), { message: /password authentication failed/ });
  await t.throwsAsync(first.connect(PASSWORD, 'argosy'), { message: /rejects connection/ });
});

test.serial('a database that was killed is restarted in its role, and opens when its voters have it all', async (t) => {
  const before = (await first.databasePid()) ?? 0;
  process.kill(before, 'SIGKILL');
  await first.report((seen) => !seen.up);
  const report = await first.report((seen) => seen.up && seen.open);
  t.not(await first.databasePid(), before);
  t.is(report.epoch, 1);
  t.true(existsSync(join(first.volume, 'data/standby.signal')));

  const replica = (await second.databasePid()) ?? 0;
  process.kill(replica, 'SIGKILL');
  while ([replica, undefined].includes(await second.databasePid())) await pause(20);
  await second.report((seen) => seen.up);
  await first.report((seen) => seen.up && seen.streams.length === 2);
});

test.serial(
  'a member that is told to rest ends cleanly, and stays so until it is told to follow or starts anew',
  async (t) => {
    const controlData = () => readFile(join(second.volume, 'data/postmaster.pid'), 'utf8').catch(() => undefined);
    await t.throwsAsync(second.rest(0, 0), { message: /epoch 0; .* epoch 1/ });
    await second.rest(1, 1);
    await second.rest(1, 1);
    t.is(await controlData(), undefined);
    await second.report((seen) => !seen.up && seen.epoch === 1);
    // What would start a database that had ended by itself does nothing here.
    await pause(RESTED_MS);
    t.is(await controlData(), undefined);
    await second.follow(1, 1, first);
    await first.report((seen) => seen.up && seen.open && seen.streams.length === 2);

    await third.rest(1, 1);
    await third.end('SIGTERM');
    third.start();
    // What the primary tells may still be of the stream from before.
    await third.report((seen) => seen.up);
    await first.report((seen) => seen.up && seen.open && seen.streams.length === 2);

    await first.rest(1, 1);
    await first.promote(1, 1, { voters: guests, admin });
    await first.open(1, 1);
  },
);

test.serial('without voters no commit is acknowledged, and the door is shut until they are back', async (t) => {
  const client = await first.connect(PASSWORD);
  t.is(await second.end('SIGTERM'), 0);
  t.is(await third.end('SIGTERM'), 0);
  t.true(existsSync(join(second.volume, 'data/standby.signal')));
  t.notRegex(await readFile(join(second.volume, 'config/postgresql.conf'), 'utf8'), /application_name/);

  let isAcknowledged = false;
  const commit = client.query('insert into numbers values (3)').then(
    () => {
      isAcknowledged = true;
    },
    () => undefined,
  );
  const report = await first.report((seen) => !seen.up && !seen.open);
  t.regex(report.detail, /quorum/);
  await commit;
  t.false(isAcknowledged);
  const inside = await first.inside();
  const { rows } = await inside.query('select pg_current_wal_insert_lsn()::text as end');
  await inside.end();

  second.start();
  third.start();
  await first.report((seen) => seen.up && seen.open && seen.streams.length === 2);
  // The row of the session that was ended can be seen. What the voters had flushed when the door opened has it too, or
  // who reads it now could see it vanish.
  const barrier = await first.promote(1, 1, { voters: guests, admin });
  t.true((postgresql?.comparePositions(barrier, { epoch: 1, value: rows[0].end }) ?? 0) > 0);
});

test.serial('a new password is a new generation of the admin user', async (t) => {
  const renewed = postgresql?.passwordVerifier('second password', Buffer.alloc(16, 9)) ?? '';
  await first.promote(1, 1, { voters: guests, admin: { name: 'admin', verifier: renewed, generation: 2 } });
  await t.throwsAsync(first.connect(PASSWORD), { message: /password authentication failed/ });
  const client = await first.connect('second password');
  const { rows } = await client.query(
    'select rolcreaterole, rolcreatedb, rolsuper from pg_roles where rolname = current_user',
  );
  t.deepEqual(rows, [{ rolcreaterole: false, rolcreatedb: true, rolsuper: false }]);
  await client.end();
});

test.serial(
  'one that cannot begin its epoch says so for as long as it is to lead, and leads a later one',
  async (t) => {
    await second.promise(9);
    // As a promotion leaves it that was broken off after it had told what it would be.
    const history = join(second.volume, 'data/pg_wal/00000009.history');
    await writeFile(history, '4\t0/1000000\tbroken off\n');
    await t.throwsAsync(second.promote(9, 8, { voters: guests }), { message: /knows timeline 9/ });
    await second.report((seen) => !seen.up && /promotion has not ended/.test(seen.detail));
    await rm(history);
    await second.promise(10);
    const position = await second.promote(10, 9, { voters: guests });
    t.is(position.epoch, 10);
  },
);

async function identifierOfTemplate(): Promise<bigint> {
  const list = enginesSchema.parse(JSON.parse(await readFile(await engines(), 'utf8')));
  const template = list.postgresql?.['15']?.template ?? '';
  return execFileSync('tar', ['--extract', '--to-stdout', '--file', template, './global/pg_control']).readBigUInt64LE();
}
