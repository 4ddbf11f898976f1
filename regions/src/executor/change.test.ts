import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { callUnary } from '@argosy/proto';
import { status } from '@grpc/grpc-js';
import test from 'ava';
import type { Server, Volume } from '../microcloud/cloud.ts';
import { deadline, ensure, header, refusal, watch } from '../testing/calls.ts';
import { faults, guests, spec, until, wholeRegion } from '../testing/region.ts';

function records<Item>(directory: string, kind: string): Item[] {
  const folder = join(directory, 'cloud', kind);
  return readdirSync(folder).map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')) as Item);
}

test('a member is given another flavor and a larger volume where it is, and is reachable again in the answer', async (t) => {
  const { gateway, directory } = await wholeRegion(t);
  const made = await ensure(gateway, spec('c1-1'));
  const [before] = guests(directory);
  t.like(made, { flavor: 'small', volumeGib: 1 });

  const changed = await ensure(gateway, spec('c1-1', { flavor: 'large', volumeGib: 3 }));

  t.deepEqual(changed, { ...made, flavor: 'large', volumeGib: 3 });
  t.like(records<Server>(directory, 'servers')[0], { flavor: 'm1.large', status: 'ACTIVE' });
  t.is(records<Volume>(directory, 'volumes')[0]?.sizeGib, 3);
  t.is(guests(directory).length, 1);
  t.not(guests(directory)[0], before);
  const initialise = { $case: 'initialise' as const, value: { header: header('c1-1'), version: '15' } };
  const command = gateway.commandMember.bind(gateway);
  t.is((await callUnary(command, { command: initialise }, { deadline: deadline() })).answer?.$case, 'initialise');
  const promise = { $case: 'promise' as const, value: { header: header('c1-1') } };
  t.is((await callUnary(command, { command: promise }, { deadline: deadline() })).answer?.$case, 'promise');
});

test('a larger volume is taken from its member and given back, and a volume never shrinks', async (t) => {
  const { gateway, directory } = await wholeRegion(t);
  await ensure(gateway, spec('c1-1', { volumeGib: 2 }));
  const before = guests(directory);

  t.is((await ensure(gateway, spec('c1-1', { volumeGib: 4 }))).volumeGib, 4);
  t.is(guests(directory).length, 1);
  t.notDeepEqual(guests(directory), before);
  const refused = await refusal(ensure(gateway, spec('c1-1', { volumeGib: 3 })));

  t.is(refused.code, status.INVALID_ARGUMENT);
  t.regex(refused.details, /has 4 GiB and cannot shrink to 3 GiB/);
});

test('a failed update is told with the reason of Heat and its class, leaves the member, and is done by the next', async (t) => {
  const { gateway, directory, cloud } = await wholeRegion(t);
  await ensure(gateway, spec('c1-1'));
  const { newest } = watch(t, gateway);
  const before = guests(directory);

  await faults(cloud, { zone_full: ['north-a'] });
  const full = await refusal(ensure(gateway, spec('c1-1', { flavor: 'large' })));
  t.is(full.code, status.RESOURCE_EXHAUSTED);
  t.regex(full.details, /argosy-test-c1-1 failed: .*No valid host/);
  t.deepEqual(guests(directory), before);
  await until(() => newest('c1-1')?.stackStatus === 'UPDATE_FAILED');
  t.regex(newest('c1-1')?.stackStatusReason ?? '', /No valid host/);

  await faults(cloud, { fail_resource: 'volume' });
  const broken = await refusal(ensure(gateway, spec('c1-1', { volumeGib: 2 })));
  t.is(broken.code, status.INTERNAL);
  await faults(cloud, {});
  t.like(await ensure(gateway, spec('c1-1')), { flavor: 'small', volumeGib: 1 });
  t.like(await ensure(gateway, spec('c1-1', { flavor: 'large', volumeGib: 2 })), { flavor: 'large', volumeGib: 2 });
  await until(() => newest('c1-1')?.stackStatus === 'UPDATE_COMPLETE');
  t.is(newest('c1-1')?.stackStatusReason, '');
});

test('two wishes at once are carried out one after the other, and the later one stays', async (t) => {
  const { gateway, directory } = await wholeRegion(t);
  await ensure(gateway, spec('c1-1'));

  const earlier = refusal(ensure(gateway, spec('c1-1', { flavor: 'large' })));
  await until(() => records<Server>(directory, 'servers')[0]?.status === 'RESIZE');
  const later = await ensure(gateway, spec('c1-1', { volumeGib: 2 }));

  t.is((await earlier).code, status.ABORTED);
  t.like(later, { flavor: 'small', volumeGib: 2 });
  t.like(records<Server>(directory, 'servers')[0], { flavor: 'm1.small', status: 'ACTIVE' });
  t.is(guests(directory).length, 1);
});

test('a server that a check of Heat has found dead is replaced, with the address and the volume of the old one', async (t) => {
  const { gateway, directory, cloud, token } = await wholeRegion(t);
  const made = await ensure(gateway, spec('c1-1'));
  const [old] = records<Server>(directory, 'servers');
  for (const pid of guests(directory)) process.kill(pid, 'SIGKILL');
  await until(() => guests(directory).length === 0);

  const stack = `${cloud.heatUrl}/v1/${'a'.repeat(32)}/stacks/argosy-test-c1-1/${made.stackId}`;
  const headers = { 'x-auth-token': await token() };
  const checked = await fetch(`${stack}/actions`, { method: 'POST', headers, body: JSON.stringify({ check: null }) });
  t.is(checked.status, 200);
  const shown = async () => (await (await fetch(stack, { headers })).json()) as { stack: Record<string, string> };
  await until(async () => (await shown()).stack.stack_status === 'CHECK_FAILED');
  t.regex((await shown()).stack.stack_status_reason ?? '', /'status': expected 'ACTIVE', got 'SHUTOFF'/);

  t.deepEqual(await ensure(gateway, spec('c1-1')), made);
  const servers = records<Server>(directory, 'servers');
  t.is(servers.length, 1);
  t.not(servers[0]?.id, old?.id);
  t.is(records<Volume>(directory, 'volumes')[0]?.serverId, servers[0]?.id ?? null);
});
