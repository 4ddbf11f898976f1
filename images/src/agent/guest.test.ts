// One guest: who may call its agent, what it refuses to touch, and how it ends and comes back. The tests are one story.
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type AgentServiceClient, callUnary, enrolmentMac, isSameMac, type MemberReport } from '@argosy/proto';
import { status } from '@grpc/grpc-js';
import test from 'ava';
import { newFederation } from '../testing/federation.ts';
import { Guest } from '../testing/guest.ts';
import { patiently, soon } from '../testing/waiting.ts';

const EXIT_CONFIG = 78;
let guest: Guest;
const endings: (() => Promise<void>)[] = [];

test.before(async () => {
  guest = await Guest.boot(await newFederation(), { clusterId: 'e1', ordinal: 1 }, (call) => {
    endings.push(call);
  });
});

test.after.always(async () => {
  await Promise.allSettled(endings.map((end) => end()));
});

async function codeOf(work: Promise<unknown>): Promise<number | undefined> {
  try {
    await work;
    return status.OK;
  } catch (error) {
    return (error as { code?: number }).code;
  }
}

function firstReport(client: AgentServiceClient): Promise<MemberReport | undefined> {
  const stream = client.observe({}, { deadline: soon() });
  return new Promise<MemberReport | undefined>((resolve, reject) => {
    stream.once('data', ({ report }: { report?: MemberReport }) => resolve(report));
    stream.on('error', reject);
  }).finally(() => stream.cancel());
}

test.serial('an agent is enrolled by its own executor only, and proves that it has the token', async (t) => {
  const { federation, memberId } = guest;
  const anonymous = guest.client(undefined, { verify: false });
  t.teardown(() => anonymous.close());
  const answer = await patiently(() => callUnary(anonymous.enrol.bind(anonymous), { memberId }, { deadline: soon() }));
  t.true(isSameMac(answer.mac, enrolmentMac(federation.token(memberId), answer.signingRequest)));
  t.false(isSameMac(answer.mac, enrolmentMac(federation.token('e1-2'), answer.signingRequest)));

  const peer = await federation.issue({ kind: 'gateway', federation: 'test', peer: 'p1' });
  const fellow = await federation.issue({ ...guest.identity, memberId: 'e1-2' });
  const stranger = await (await newFederation()).issue(federation.executor);
  for (const [keys, code] of [
    [peer, status.PERMISSION_DENIED],
    [fellow, status.PERMISSION_DENIED],
    [stranger, status.UNAVAILABLE],
  ] as const) {
    const client = guest.client(keys, { verify: false });
    t.is(await codeOf(callUnary(client.enrol.bind(client), { memberId }, { deadline: soon(3_000) })), code);
    client.close();
  }

  await guest.enrol();
  const observer = guest.client(fellow);
  t.teardown(() => observer.close());
  const report = await patiently(() => firstReport(observer));
  t.like(report, { memberId, up: false });
  const open = callUnary(observer.open.bind(observer), { header: guest.header(1, 1) }, { deadline: soon() });
  t.is(await codeOf(open), status.PERMISSION_DENIED);
});

test.serial('a certificate for another key is not installed', async (t) => {
  const foreign = await guest.federation.issue(guest.identity);
  const request = { certificateChain: foreign.certificate };
  const install = guest.agent.installCertificate.bind(guest.agent);
  const error = await t.throwsAsync(patiently(() => callUnary(install, request, { deadline: soon() })));
  t.regex(error?.message ?? '', /not for this member's key/);
});

test.serial('a volume of another member, or with a torn state, is refused and left alone', async (t) => {
  await guest.initialise();
  t.is(await guest.end('SIGTERM'), 0);

  await guest.writeUserData({ member_id: 'e1-2' });
  guest.start();
  t.is(await guest.exitCode(), EXIT_CONFIG);
  t.regex(guest.log, /volume is that of member e1-1, not of e1-2/);

  await guest.writeUserData();
  const path = join(guest.volume, 'agent/state.json');
  const whole = await readFile(path, 'utf8');
  await writeFile(path, whole.slice(0, 40));
  guest.start();
  t.is(await guest.exitCode(), EXIT_CONFIG);
  t.regex(guest.log, /state is torn/);
  t.true(existsSync(join(guest.volume, 'data/PG_VERSION')));
  await writeFile(path, whole);
});

test.serial('the init of a guest brings a dead agent back, and ends the database when the guest ends', async (t) => {
  guest.start('init');
  await guest.promote(1, 1, { voters: [guest] });
  await guest.open(1, 1);
  const database = await guest.databasePid();

  const agent = Number(/"pid":(\d+)/.exec(guest.log.trim().split('\n').at(-1) ?? '')?.[1]);
  process.kill(agent, 'SIGKILL');
  const report = await guest.report((seen) => seen.up && seen.open);
  t.is(report.memberId, 'e1-1');
  t.is(await guest.databasePid(), database);

  t.is(await guest.end('SIGTERM'), 0);
  t.is(await guest.databasePid(), undefined);
  t.true(existsSync(join(guest.volume, 'data/standby.signal')));
});
