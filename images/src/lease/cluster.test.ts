// An asynchronous cluster of two real members and an arbiter. What is looked for is the acknowledgement that comes too
// late: whatever is stopped, nobody promises a later epoch before the old primary's last answer. The tests are one
// story: each begins where the one before it ended.
import { datastores } from '@argosy/datastores';
import test, { type ExecutionContext } from 'ava';
import { type Federation, newFederation } from '../testing/federation.ts';
import { Guest } from '../testing/guest.ts';
import { pause } from '../testing/waiting.ts';
import { Writer } from '../testing/writer.ts';
import { LEASE } from './terms.ts';

const PASSWORD = 'correct horse battery';
const RPO_SECONDS = 2;
const MS_PER_SECOND = 1_000;
/** Of a machine that does much else: from an answer that went out in time to the moment at which it is seen here. */
const SLACK_MS = 1_000;
const verifier = datastores.find('postgresql')?.passwordVerifier(PASSWORD, Buffer.alloc(16, 7)) ?? '';
const admin = { name: 'admin', verifier, generation: 1 };

let federation: Federation;
let guests: Guest[];
let [first, second, arbiter]: [Guest, Guest, Guest] = [] as never;
const endings: (() => Promise<void>)[] = [];

test.before(async () => {
  federation = await newFederation();
  const boot = (ordinal: number, kind?: 'arbiter') =>
    Guest.boot(federation, { clusterId: 'c1', ordinal, kind: { door: true, ...(kind && { kind }) } }, (call) => {
      endings.push(call);
    });
  guests = [await boot(1), await boot(2), await boot(3, 'arbiter')];
  [first, second, arbiter] = guests as [Guest, Guest, Guest];
  await Promise.all(guests.map((guest) => guest.enrol()));
});

test.after.always(async () => {
  await Promise.allSettled(endings.map((end) => end()));
});

function lead(guest: Guest, epoch: number) {
  const lease = { grantors: guests, rpoSeconds: RPO_SECONDS };
  return guest.promote(epoch, epoch, { voters: [first, second], admin, lease });
}

/** Writes, until the acknowledgements have stopped for longer than anything may take. */
async function untilSilent(t: ExecutionContext, writer: Writer, boundMs: number): Promise<void> {
  const deadline = performance.now() + 4 * (boundMs + SLACK_MS);
  while (performance.now() - writer.lastMs < boundMs) {
    if (performance.now() > deadline) throw new Error('It acknowledges on.');
    await pause(20);
  }
  t.log(`The last acknowledgement came ${Math.round(performance.now() - writer.lastMs)} ms ago.`);
}

async function begin(guest: Guest): Promise<Writer> {
  const client = await guest.connect(PASSWORD);
  await client.query('create table if not exists written (n int primary key)');
  await client.query('delete from written');
  await client.end();
  const writer = new Writer();
  writer.start([guest], PASSWORD);
  await writer.untilMore(20);
  return writer;
}

async function missing(guest: Guest, { acknowledged }: Writer): Promise<number[]> {
  const client = await guest.connect(PASSWORD);
  const { rows } = await client.query('select n from written');
  await client.end();
  const there = new Set(rows.map(({ n }) => n));
  return acknowledged.filter((number) => !there.has(number));
}

test.serial('clients come in by the door, and the primary acknowledges while it is let', async (t) => {
  await first.initialise();
  await lead(first, 1);
  await second.seed(1, 1, first);
  await second.follow(1, 1, first);
  await first.open(1, 1);
  const writer = await begin(first);
  await writer.stop();
  t.deepEqual(writer.errors, []);
  const report = await first.report((seen) => seen.up && seen.lease?.granted === true);
  t.true((report.lease?.leftMs ?? 0) > 0);
  t.true((report.lease?.unconfirmedMs ?? Number.MAX_SAFE_INTEGER) < RPO_SECONDS * MS_PER_SECOND);
  const reader = await second.connect(PASSWORD);
  t.is((await reader.query('select pg_is_in_recovery() as is')).rows[0].is, true);
  await reader.end();
});

test.serial('a replica that confirms nothing stops the acknowledgements when the bound is reached', async (t) => {
  const writer = await begin(first);
  const pids = await second.databasePids();
  for (const pid of pids) process.kill(pid, 'SIGSTOP');
  const stoppedMs = performance.now();
  await untilSilent(t, writer, RPO_SECONDS * MS_PER_SECOND);
  t.true(writer.lastMs - stoppedMs <= RPO_SECONDS * MS_PER_SECOND + SLACK_MS, `${writer.lastMs - stoppedMs} ms`);
  const report = await first.report((seen) => !seen.up && seen.lease?.granted === true);
  t.regex(report.detail, /older than 2 s/);
  for (const pid of pids) process.kill(pid, 'SIGCONT');
  await writer.untilMore(20);
  await writer.stop();
  t.deepEqual(await missing(first, writer), []);
  // By now its lease was renewed many times.
  t.notRegex(first.log, /MaxListenersExceededWarning/);
});

test.serial('without its grantors the primary acknowledges nothing, and goes on when one is back', async (t) => {
  const writer = await begin(first);
  for (const { pid } of [second, arbiter]) process.kill(pid, 'SIGSTOP');
  const stoppedMs = performance.now();
  await untilSilent(t, writer, LEASE.grantedMs);
  t.true(writer.lastMs - stoppedMs <= LEASE.grantedMs + SLACK_MS, `${writer.lastMs - stoppedMs} ms`);
  const report = await first.report((seen) => !seen.up && seen.lease?.granted === false);
  t.regex(report.detail, /too few grantors/);
  process.kill(arbiter.pid, 'SIGCONT');
  await writer.untilMore(20);
  process.kill(second.pid, 'SIGCONT');
  await writer.stop();
  t.deepEqual(await missing(first, writer), []);
});

test.serial('a door that is stopped lets nothing out, and another takes its place', async (t) => {
  const writer = await begin(first);
  const doors = await first.doorPids();
  t.is(doors.length, 1);
  for (const pid of doors) process.kill(pid, 'SIGSTOP');
  await writer.untilMore(20);
  await writer.stop();
  t.log(`Answers again after ${writer.takeLongestPauseMs()} ms.`);
  t.notDeepEqual(await first.doorPids(), doors);
  t.deepEqual(await missing(first, writer), []);
});

test.serial('with a frozen agent nothing is acknowledged once a later epoch is promised', async (t) => {
  const writer = await begin(first);
  process.kill(first.pid, 'SIGSTOP');
  await Promise.all([second.promise(2), arbiter.promise(2)]);
  const promisedMs = performance.now();
  t.log(`The promises counted ${Math.round(promisedMs - writer.lastMs)} ms after the last acknowledgement.`);
  t.true(writer.lastMs <= promisedMs);
  const count = writer.acknowledged.length;
  await lead(second, 2);
  await pause(LEASE.grantedMs);
  t.is(writer.acknowledged.length, count);
  await writer.stop();

  process.kill(first.pid, 'SIGCONT');
  await first.report((seen) => !seen.open);
  const { divergence } = await first.askToFollow(2, 2, second);
  if (divergence !== undefined) {
    const { method, tail } = await first.rejoin(2, 2, second, { mustKeepTail: true });
    t.log(`Came back by method ${method}, tail of ${tail?.bytes ?? 0} bytes`);
    await first.follow(2, 2, second);
  }
  await second.open(2, 2);
  const next = await begin(second);
  await next.stop();
});

test.serial('a primary that hands over is not waited for', async (t) => {
  const writer = await begin(second);
  const askedMs = performance.now();
  await second.promise(3);
  await Promise.all([first.promise(3), arbiter.promise(3)]);
  const takenMs = performance.now() - askedMs;
  t.log(`All three promised in ${Math.round(takenMs)} ms.`);
  await writer.stop();
  await lead(first, 3);
  await second.follow(3, 3, first);
  await first.open(3, 3);
  t.deepEqual(await missing(first, writer), []);
});

test.serial(
  'a grantor that starts anew has forgotten what it granted, and waits for as long as that may last',
  async (t) => {
    await arbiter.end('SIGKILL');
    arbiter.start();
    const startedMs = performance.now();
    await arbiter.promise(4);
    t.true(performance.now() - startedMs >= LEASE.grantedMs);
    await t.throwsAsync(arbiter.seed(4, 4, first), { message: /arbiter/ });
  },
);
