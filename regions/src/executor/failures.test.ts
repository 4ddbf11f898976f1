import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import test from 'ava';
import { ensure, refusal, remove, watch } from '../testing/calls.ts';
import { executor, faults, gatewayClient, guests, leftOvers, spec, until, wholeRegion } from '../testing/region.ts';

const KINDS = ['servers', 'ports', 'volumes'];

function left(directory: string): string[] {
  return KINDS.flatMap((kind) => readdirSync(join(directory, 'cloud', kind)));
}

test('a region without a host says elsewhere at once, and nothing is left there', async (t) => {
  const { gateway, directory, cloud } = await wholeRegion(t);
  await faults(cloud, { zone_full: ['north-a'] });

  const refused = await refusal(ensure(gateway, spec('c1-1')));

  t.is(refused.code, status.RESOURCE_EXHAUSTED);
  t.regex(refused.details, /No valid host was found/);
  t.deepEqual(left(directory), []);
  t.is((await ensure(gateway, spec('c1-2', { zone: 'north-b' }))).peer?.memberId, 'c1-2');
});

test('a stack that fails half-way is cleared before the answer, which has the reason of Heat', async (t) => {
  const { gateway, directory, cloud } = await wholeRegion(t);
  await faults(cloud, { fail_resource: 'volume' });

  const refused = await refusal(ensure(gateway, spec('c1-1')));

  t.is(refused.code, status.INTERNAL);
  t.regex(refused.details, /resources\.volume: Went to status error/);
  t.deepEqual(left(directory), []);
  t.deepEqual(leftOvers(directory), []);
});

test('a delete that fails is told with its reason after some tries, and done by the next command', async (t) => {
  const { gateway, cloud, directory } = await wholeRegion(t);
  await ensure(gateway, spec('c1-1'));
  await faults(cloud, { fail_delete: 'volume' });

  const refused = await refusal(remove(gateway, 'c1-1'));

  t.is(refused.code, status.INTERNAL);
  t.regex(refused.details, /cannot be deleted: .*resources\.volume/);
  await faults(cloud, {});
  t.true(await remove(gateway, 'c1-1'));
  t.deepEqual(left(directory), []);
});

test('a Heat that answers 500 is worth a retry and is told to watchers; what is known stays known', async (t) => {
  const { gateway, cloud } = await wholeRegion(t);
  await ensure(gateway, spec('c1-1'));
  const { told, region } = watch(t, gateway);
  await until(() => told.some(({ $case }) => $case === 'listingComplete'));
  t.is(region()?.heatFailure, '');

  await faults(cloud, { heat: '500' });
  t.is((await refusal(ensure(gateway, spec('c1-2')))).code, status.UNAVAILABLE);
  await until(() => /answered 500/.test(region()?.heatFailure ?? ''));
  t.false(told.some((one) => one.$case === 'member' && one.value.gone));
  await faults(cloud, {});
  await until(() => region()?.heatFailure === '');
  t.is((await ensure(gateway, spec('c1-2'))).peer?.memberId, 'c1-2');
});

// Alone, for its patience is short: the other tests' load must not be taken for a Heat that hangs.
test.serial(
  'a Heat that hangs ends at a deadline, also in the middle of a create, which the next command takes up',
  async (t) => {
    const region = await wholeRegion(t);
    const config = {
      ...region.executorConfig,
      openstack: { ...region.executorConfig.openstack, requestTimeoutMs: 2_000 },
      heatSilenceSeconds: 1,
    };
    const impatient = await gatewayClient(t, await executor(t, config), region.authorities);

    const making = refusal(ensure(impatient, spec('c1-1')));
    await until(() => existsSync(join(region.directory, 'cloud/servers')) && guests(region.directory).length > 0);
    await faults(region.cloud, { heat: 'hang' });

    t.is((await making).code, status.DEADLINE_EXCEEDED);
    t.is((await refusal(ensure(impatient, spec('c1-2')))).code, status.DEADLINE_EXCEEDED);
    await faults(region.cloud, {});
    t.is((await ensure(impatient, spec('c1-1'))).peer?.memberId, 'c1-1');
    t.is(guests(region.directory).length, 1);
  },
);

test('a watcher of a region whose Heat never answered hears why, and that nothing is free', async (t) => {
  const region = await wholeRegion(t);
  await region.executor.close();
  await faults(region.cloud, { heat: '500' });
  const second = await executor(t, region.executorConfig);

  const watched = watch(t, await gatewayClient(t, second, region.authorities));
  await until(() => watched.region() !== undefined);

  t.regex(watched.region()?.heatFailure ?? '', /500/);
  t.deepEqual(
    watched.region()?.zones.map(({ freeMembers }) => freeMembers),
    [0, 0],
  );
  t.false(watched.told.some(({ $case }) => $case === 'listingComplete'));
  await faults(region.cloud, {});
  await until(() => watched.told.some(({ $case }) => $case === 'listingComplete'));
});

test('a token that expires in the middle of a create is replaced, and nobody notices', async (t) => {
  const { gateway, cloud, directory } = await wholeRegion(t);

  const making = ensure(gateway, spec('c1-1'));
  await until(() => guests(directory).length > 0);
  await faults(cloud, { expire_tokens: true });

  t.is((await making).peer?.memberId, 'c1-1');
});

test('without Keystone a token serves on; when it is over the region says so and comes back by itself', async (t) => {
  const { gateway, cloud } = await wholeRegion(t);
  const { region } = watch(t, gateway);

  await faults(cloud, { keystone: '500' });
  t.is((await ensure(gateway, spec('c1-1'))).peer?.memberId, 'c1-1');
  await faults(cloud, { keystone: '500', expire_tokens: true });
  t.is((await refusal(ensure(gateway, spec('c1-2')))).code, status.UNAVAILABLE);
  await until(() => /Signing in as argosy was answered 500/.test(region()?.heatFailure ?? ''));
  await faults(cloud, {});
  await until(() => region()?.heatFailure === '');
  t.is((await ensure(gateway, spec('c1-2'))).peer?.memberId, 'c1-2');
});

test('the door for faults is shut unless the configuration opens it', async (t) => {
  const { cloud } = await wholeRegion(t, { cloud: { faults: false } });

  t.is((await fetch(`${cloud.heatUrl}/faults`, { method: 'PUT', body: '{"heat":"500"}' })).status, 404);
});
