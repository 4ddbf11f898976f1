import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { AgentState, callUnary, type MemberSpec } from '@argosy/proto';
import { status } from '@grpc/grpc-js';
import test from 'ava';
import { deadline, ensure, header, refusal, remove, watch } from '../testing/calls.ts';
import { executor, gatewayClient, guests, leftOvers, spec, until, wholeRegion } from '../testing/region.ts';

test('a member is made once, however often and by however many it is asked for', async (t) => {
  const { gateway, directory } = await wholeRegion(t);

  const began = performance.now();
  const [first, second] = await Promise.all([ensure(gateway, spec('c1-1')), ensure(gateway, spec('c1-1'))]);
  t.log(`EnsureMember took ${Math.round(performance.now() - began)} ms`);
  const third = await ensure(gateway, spec('c1-1'));

  t.deepEqual(second, first);
  t.deepEqual(third, first);
  t.regex(first.peer?.address ?? '', /^127\.1[5-9]\d\./);
  t.is(first.peer?.port, 5432);
  t.is(first.peer?.serverName, 'c1-1.north.test.argosy.internal');
  t.is(guests(directory).length, 1);
});

test('a removed member leaves no process, no folder and no address', async (t) => {
  const { gateway, directory } = await wholeRegion(t);
  const made = await ensure(gateway, spec('c1-1'));

  t.true(await remove(gateway, 'c1-1'));
  t.false(await remove(gateway, 'c1-1'));

  t.deepEqual(leftOvers(directory), []);
  for (const left of ['run', 'volumes', 'cloud/servers', 'cloud/ports', 'cloud/volumes', 'cloud/consoles']) {
    t.deepEqual(readdirSync(join(directory, left)), [], left);
  }
  const late = await refusal(ensure(gateway, spec('c1-1')));
  t.is(late.code, status.FAILED_PRECONDITION, late.details);
  const next = await ensure(gateway, spec('c1-2'));
  t.is(next.peer?.address, made.peer?.address);
  t.is(guests(directory).length, 1);
});

test('a member that is being made can be removed', async (t) => {
  const { gateway, directory } = await wholeRegion(t);

  const making = refusal(ensure(gateway, spec('c1-1')));
  await until(
    () => existsSync(join(directory, 'cloud/servers')) && readdirSync(join(directory, 'cloud/servers')).length > 0,
  );
  t.true(await remove(gateway, 'c1-1'));

  t.is((await making).code, status.ABORTED);
  t.deepEqual(leftOvers(directory), []);
});

test('a new executor finds its members in Heat and their agents', async (t) => {
  const region = await wholeRegion(t);
  const made = await ensure(region.gateway, spec('c1-1'));
  await region.executor.close();

  const second = await executor(t, region.executorConfig);
  const gateway = await gatewayClient(t, second, region.authorities);
  const { told, newest } = watch(t, gateway);
  await until(() => told.some(({ $case }) => $case === 'listingComplete'));

  t.is(told[0]?.$case, 'region');
  t.is(newest('c1-1')?.agent, AgentState.REACHABLE);
  t.is(newest('c1-1')?.report?.epoch, 7);
  t.deepEqual(newest('c1-1')?.peer, made.peer);
  t.deepEqual(await ensure(gateway, spec('c1-1')), made);
});

test('watchers are told the listing, then what changes', async (t) => {
  const { gateway, directory } = await wholeRegion(t);
  const { told, newest } = watch(t, gateway);
  await until(() => told.some(({ $case }) => $case === 'listingComplete'));

  await ensure(gateway, spec('c1-1'));
  await until(() => newest('c1-1')?.agent === AgentState.REACHABLE);
  const heard = told.length;
  await ensure(gateway, spec('c1-1'));
  await until(() => told.length > heard + 3);
  t.true(told.slice(heard).every((one) => one.$case !== 'member' || one.value.agent === AgentState.REACHABLE));
  for (const pid of guests(directory)) process.kill(pid, 'SIGKILL');
  await until(() => newest('c1-1')?.agent === AgentState.UNREACHABLE);
  t.regex(newest('c1-1')?.detail ?? '', /^The agent does not answer/);
  await remove(gateway, 'c1-1');
  await until(() => newest('c1-1')?.gone === true);

  const zones = told.flatMap((one) => (one.$case === 'region' ? [one.value.zones[0]?.freeMembers] : []));
  t.true(zones.includes(3) && zones.at(-1) === 4, String(zones));
});

test('a command reaches the agent, and its answer or refusal comes back as the agent gave it', async (t) => {
  const { gateway } = await wholeRegion(t);
  await ensure(gateway, spec('c1-1'));
  const command = (value: Parameters<typeof gateway.commandMember>[0]) =>
    callUnary(gateway.commandMember.bind(gateway), value, { deadline: deadline() });

  const initialise = { $case: 'initialise' as const, value: { header: header('c1-1'), version: '15' } };
  t.is((await command({ command: initialise })).answer?.$case, 'initialise');
  const refused = await refusal(command({ command: { $case: 'open', value: { header: header('c1-1') } } }));
  t.deepEqual(refused, { code: status.FAILED_PRECONDITION, details: 'epoch 7 is promised' });
  const unknown = await refusal(command({ command: { $case: 'open', value: { header: header('c9-1') } } }));
  t.is(unknown.code, status.NOT_FOUND);
});

test('a guest that does not know its token gets no certificate', async (t) => {
  const command = [process.execPath, new URL('../testing/guest.js', import.meta.url).pathname, 'wrong-token'];
  const { gateway } = await wholeRegion(t, { cloud: { serverCommand: command } });

  const refused = await refusal(ensure(gateway, spec('c1-1')));

  t.is(refused.code, status.PERMISSION_DENIED);
  t.regex(refused.details, /does not know the enrolment token/);
});

test('a full zone says elsewhere, a wrong wish says never, a guest that dies says again; nothing is left', async (t) => {
  const { gateway, directory } = await wholeRegion(t, {
    cloud: { serverCommand: ['/bin/false'], zones: [{ name: 'north-a' }, { name: 'north-b', capacity: 0 }] },
    executor: {
      zones: [
        { name: 'north-a', capacity: 0 },
        { name: 'north-b', capacity: 1 },
        { name: 'north-c', capacity: 1 },
      ],
    },
  });
  const code = async (member: MemberSpec): Promise<string | undefined> =>
    status[(await refusal(ensure(gateway, member))).code];

  t.is(await code(spec('c1-1', { zone: 'north-a' })), 'RESOURCE_EXHAUSTED');
  t.is(await code(spec('c1-2', { zone: 'north-b' })), 'RESOURCE_EXHAUSTED');
  t.is(await code(spec('c1-3', { zone: 'nowhere' })), 'INVALID_ARGUMENT');
  t.is(await code(spec('c1-4', { datastore: 'clay tablets' })), 'INVALID_ARGUMENT');
  t.is(await code(spec('c2-5', { clusterId: 'c1' })), 'INVALID_ARGUMENT');
  t.deepEqual(readdirSync(join(directory, 'cloud/servers')), []);
  t.deepEqual(readdirSync(join(directory, 'cloud/ports')), []);
});

test('a guest that dies at boot is told as a failure that may pass, and cleared away', async (t) => {
  const { gateway, directory } = await wholeRegion(t, { cloud: { serverCommand: ['/bin/false'] } });

  const refused = await refusal(ensure(gateway, spec('c1-1')));

  t.is(refused.code, status.INTERNAL);
  t.regex(refused.details, /compute\.resources\.server: Went to status ERROR/);
  t.deepEqual(readdirSync(join(directory, 'cloud/servers')), []);
});

test('an image that is not there is never asked for again; a Heat that is not there is', async (t) => {
  const region = await wholeRegion(t, { executor: { image: 'lost' } });

  t.is((await refusal(ensure(region.gateway, spec('c1-1')))).code, status.INVALID_ARGUMENT);
  await region.cloud.close();
  t.is((await refusal(ensure(region.gateway, spec('c1-1')))).code, status.UNAVAILABLE);
});
