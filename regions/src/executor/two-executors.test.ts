// Two executors of one region at once, as a region in production has them: neither knows of the other, and Heat's names
// keep them from making anything twice.
import test from 'ava';
import { ensure, remove, watch } from '../testing/calls.ts';
import { executor, gatewayClient, spec, until, wholeRegion } from '../testing/region.ts';

/** A guest boots twice here, which takes a machine that is busy with other things half a minute each time. */
const PATIENCE_MS = 180_000;

test('both are asked for the same at the same time: there is one stack, and both say the same of it', async (t) => {
  t.timeout(2 * PATIENCE_MS);
  const region = await wholeRegion(t);
  const first = region.gateway;
  const other = await gatewayClient(t, await executor(t, region.executorConfig), region.authorities);
  const stacks = `${region.cloud.heatUrl}/v1/${'a'.repeat(32)}/stacks`;
  const list = async (): Promise<{ stack_name: string; stack_status: string }[]> => {
    const answer = await fetch(stacks, { headers: { 'x-auth-token': await region.token() } });
    const { stacks: listed } = (await answer.json()) as { stacks: { stack_name: string; stack_status: string }[] };
    return listed.filter(({ stack_status }) => stack_status !== 'DELETE_COMPLETE');
  };

  const [one, two] = await Promise.all([
    ensure(first, spec('c1-1'), PATIENCE_MS),
    ensure(other, spec('c1-1'), PATIENCE_MS),
  ]);
  t.deepEqual(two, one);
  t.is((await list()).length, 1);

  const larger = spec('c1-1', { volumeGib: 2 });
  const resized = await Promise.all([ensure(other, larger, PATIENCE_MS), ensure(first, larger, PATIENCE_MS)]);
  t.deepEqual(
    resized.map(({ volumeGib, stackId }) => ({ volumeGib, stackId })),
    [one, one].map(({ stackId }) => ({ volumeGib: 2, stackId })),
  );
  t.deepEqual(
    (await list()).map(({ stack_status }) => stack_status.endsWith('_COMPLETE')),
    [true],
  );

  const watched = watch(t, other);
  await until(() => watched.newest('c1-1') !== undefined);
  const existed = await Promise.all([remove(first, 'c1-1'), remove(other, 'c1-1')]);
  t.true(existed.some(Boolean));
  t.deepEqual(await list(), []);
  await until(() => watched.newest('c1-1')?.gone === true);
});
