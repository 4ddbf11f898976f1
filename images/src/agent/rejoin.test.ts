// A former primary comes back, with the real server: what it held too much is kept and counted, its data are rewound, and
// whatever is broken off in between ends well. The tests are one story.
import { existsSync, readFileSync } from 'node:fs';
import { chown, copyFile, readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { datastores } from '@argosy/datastores';
import { RejoinMethod } from '@argosy/proto';
import test, { type ExecutionContext } from 'ava';
import { newFederation } from '../testing/federation.ts';
import { Guest } from '../testing/guest.ts';
import { pause } from '../testing/waiting.ts';

const PASSWORD = 'correct horse battery';
const postgresql = datastores.find('postgresql');
const verifier = postgresql?.passwordVerifier(PASSWORD, Buffer.alloc(16, 7)) ?? '';
const admin = { name: 'admin', verifier, generation: 1 };
const LOST_ROWS = 3;
/** Five former primaries come back, on a machine that may do much else. */
const TEST_LIMIT_MS = 300_000;

let guests: Guest[];
let epoch = 1;
let [primary, old, third]: [Guest, Guest, Guest] = [] as never;
const endings: (() => Promise<void>)[] = [];

test.before(async () => {
  const federation = await newFederation();
  const boot = (ordinal: number) =>
    Guest.boot(federation, { clusterId: 'j1', ordinal }, (call) => {
      endings.push(call);
    });
  guests = [await boot(1), await boot(2), await boot(3)];
  [primary, old, third] = guests as [Guest, Guest, Guest];
  await Promise.all(guests.map((guest) => guest.enrol()));
  await primary.initialise();
  await primary.promote(1, 1, { voters: guests, admin });
  await Promise.all([old.seed(1, 1, primary), third.seed(1, 1, primary)]);
  await Promise.all([old.follow(1, 1, primary), third.follow(1, 1, primary)]);
  await primary.open(1, 1);
  const client = await primary.connect(PASSWORD);
  await client.query('create table written (n int primary key, epoch int)');
  await client.query('insert into written select n, 1 from generate_series(1, 5000) as n');
  await client.end();
});

test.after.always(async () => {
  await Promise.allSettled(endings.map((end) => end()));
});

/** The primary writes what nobody acknowledges, dies, and the next one leads: `old` is who comes back. */
async function loseTheirPrimary(): Promise<void> {
  const [left, right] = guests.filter((guest) => guest !== primary) as [Guest, Guest];
  const [mine, theirs] = [await left.promise(epoch + 1), await right.promise(epoch + 1)];
  const [furthest, other] = (postgresql?.comparePositions(mine, theirs) ?? 0) < 0 ? [right, left] : [left, right];
  const client = await primary.connect(PASSWORD);
  const lost = Array.from({ length: LOST_ROWS }, (_, index) => 1_000_000 * epoch + index);
  // Without a voter nobody is answered; a session that asks for less writes on, and that is the tail.
  await client.query('set synchronous_commit = local');
  for (const n of lost) await client.query('insert into written values ($1, $2)', [n, epoch]);
  await client.query('update written set epoch = 0 where n <= 2000');
  await client.end();
  const database = (await primary.databasePid()) ?? 0;
  await primary.end('SIGKILL');
  process.kill(database, 'SIGKILL');
  old = primary;
  epoch += 1;
  [primary, third] = [furthest, other];
  await primary.promote(epoch, 1, { voters: guests });
  await third.follow(epoch, 1, primary);
  await primary.open(epoch, 1);
  const next = await primary.connect(PASSWORD);
  await next.query('insert into written values ($1, $2)', [-epoch, epoch]);
  await next.end();
  old.start();
  await old.report((seen) => seen.epoch === epoch - 1);
}

/** It follows, and holds exactly what the primary does. */
async function isBack(t: ExecutionContext): Promise<void> {
  await old.follow(epoch, 1, primary);
  await primary.report((seen) => seen.up && seen.streams.filter((stream) => stream.streaming).length === 2);
  const sum = 'select count(*), sum(n), sum(epoch) from written';
  const [theirs, ours] = [await primary.inside('admin'), await old.inside('admin')];
  const { rows: expected } = await theirs.query(sum);
  const deadline = Date.now() + 10_000;
  let rows: unknown[] = [];
  while (JSON.stringify(rows) !== JSON.stringify(expected) && Date.now() < deadline) {
    ({ rows } = await ours.query(sum));
    await pause(20);
  }
  t.deepEqual(rows, expected);
  await Promise.all([theirs.end(), ours.end()]);
}

test.serial('a former primary is rewound, and what it held too much is kept and counted', async (t) => {
  t.timeout(TEST_LIMIT_MS);
  await loseTheirPrimary();
  const { divergence } = await old.askToFollow(epoch, 1, primary);
  t.true((divergence?.tailTransactions ?? 0) > LOST_ROWS);

  const begin = performance.now();
  const answer = await old.rejoin(epoch, 1, primary);
  t.log(`${Math.round(performance.now() - begin)} ms`);
  t.is(answer.method, RejoinMethod.REWOUND, answer.reason);
  t.is(answer.tail?.transactions, divergence?.tailTransactions);
  t.true((answer.tail?.seconds ?? 0) > 0 && (answer.tail?.seconds ?? 0) < 10, String(answer.tail?.seconds));
  const folder = join(old.volume, answer.tail?.folder ?? 'none');
  const kept = JSON.parse(await readFile(join(folder, 'tail.json'), 'utf8'));
  t.like(kept, { bytes: divergence?.tailBytes, timeline: 1, epoch, mustKeep: false });
  t.true((await readdir(folder)).some((name) => /^[0-9A-F]{24}$/.test(name)));
  t.deepEqual(await old.rejoin(epoch, 1, primary), answer, 'a repeat is answered the same');
  t.deepEqual(await old.rejoin(epoch, 1, primary, { key: 'later' }), answer, 'also when another operation asks');
  await t.throwsAsync(old.promise(epoch + 1), { message: /has not caught up/ });

  await isBack(t);
  const { position: _at, ...again } = await old.rejoin(epoch, 1, primary, { key: 'not heard of it' });
  const { position: _then, ...first } = answer;
  t.deepEqual(again, first, 'one that follows already is left as it is');
  await t.throwsAsync(primary.rejoin(epoch, 1, old), { message: /is the primary in epoch/ });
});

test.serial('the history of a timeline that its log cannot go on with does not keep it from starting', async (t) => {
  t.timeout(TEST_LIMIT_MS);
  await loseTheirPrimary();
  // As a member that tries to follow fetches it, before it finds that it cannot.
  const name = `${epoch.toString(16).padStart(8, '0').toUpperCase()}.history`;
  await copyFile(join(primary.volume, 'data/pg_wal', name), join(old.volume, 'data/pg_wal', name));
  const { uid, gid } = await stat(join(old.volume, 'data'));
  await chown(join(old.volume, 'data/pg_wal', name), uid, gid);

  const { divergence } = await old.askToFollow(epoch, 1, primary);
  t.true((divergence?.tailTransactions ?? 0) > LOST_ROWS);
  t.is((await old.rejoin(epoch, 1, primary)).method, RejoinMethod.REWOUND);
  await isBack(t);
});

test.serial('an agent that is killed in the middle of it ends the same way, wherever it was', async (t) => {
  t.timeout(TEST_LIMIT_MS);
  const moments: [string, () => boolean][] = [
    ['tail saved', () => existsSync(join(old.volume, 'tails')) && state(old).includes('"folder": "tails')],
    ['rewinding', () => existsSync(join(old.volume, 'config/rewound.json'))],
  ];
  for (const [name, isReached] of moments) {
    await loseTheirPrimary();
    await rm(join(old.volume, 'tails'), { recursive: true, force: true });
    let failure = '';
    const broken = old.rejoin(epoch, 1, primary).catch((error: Error) => {
      failure = error.message;
    });
    const deadline = Date.now() + 20_000;
    while (!isReached() && Date.now() < deadline) await pause(1);
    t.true(isReached(), `${name}: ${failure}`);
    await old.end('SIGKILL');
    old.start();
    await broken;
    const answer = await old.rejoin(epoch, 1, primary);
    const isRewound = answer.method === RejoinMethod.REWOUND;
    t.log(`killed when ${name}: ${isRewound ? 'rewound' : `copied: ${answer.reason}`}`);
    t.true((answer.tail?.transactions ?? 0) > LOST_ROWS, name);
    t.true(existsSync(join(old.volume, answer.tail?.folder ?? 'none', 'tail.json')));
    await isBack(t);
  }
});

test.serial('one that was rewound and never met its primary again is copied when the next one leads', async (t) => {
  t.timeout(TEST_LIMIT_MS);
  await loseTheirPrimary();
  t.is((await old.rejoin(epoch, 1, primary)).method, RejoinMethod.REWOUND);
  await primary.promise(epoch + 1);
  await third.promise(epoch + 1);
  epoch += 1;
  await primary.promote(epoch, 1, { voters: guests });
  await third.follow(epoch, 1, primary);
  const { divergence } = await old.askToFollow(epoch, 1, primary);
  t.regex(divergence?.reason ?? '', /ended before they were whole/);
  const answer = await old.rejoin(epoch, 1, primary);
  t.is(answer.method, RejoinMethod.COPIED);
  await isBack(t);
});

function state(guest: Guest): string {
  return readFileSync(join(guest.volume, 'agent/state.json'), 'utf8');
}
