// Two executors of one region at once, as a region in production has them: neither knows of the other, and Heat's names
// keep them from making anything twice.
import type { EnsureMemberResponse, ExecutorServiceClient, MemberSpec } from '@argosy/proto';
import { status } from '@grpc/grpc-js';
import test from 'ava';
import { ensure, remove, watch } from '../testing/calls.ts';
import { executor, gatewayClient, spec, until, wholeRegion } from '../testing/region.ts';

test('both are asked for the same at the same time: there is one stack, and both say the same of it', async (t) => {
  const region = await wholeRegion(t);
  const first = region.gateway;
  const other = await gatewayClient(t, await executor(t, region.executorConfig), region.authorities);
  const stacks = `${region.cloud.heatUrl}/v1/${'a'.repeat(32)}/stacks`;
  const list = async (): Promise<{ stack_name: string; stack_status: string }[]> => {
    const answer = await fetch(stacks, { headers: { 'x-auth-token': await region.token() } });
    const { stacks: listed } = (await answer.json()) as { stacks: { stack_name: string; stack_status: string }[] };
    return listed.filter(({ stack_status }) => stack_status !== 'DELETE_COMPLETE');
  };

  const [one, two] = await Promise.all([asked(first, spec('c1-1')), asked(other, spec('c1-1'))]);
  t.deepEqual(two, one);
  t.is((await list()).length, 1);

  const larger = spec('c1-1', { volumeGib: 2 });
  const resized = await Promise.all([asked(other, larger), asked(first, larger)]);
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

const PATIENCE_MS = 20_000;

/** As the gateway asks: again, when no answer comes. */
async function asked(to: ExecutorServiceClient, member: MemberSpec): Promise<EnsureMemberResponse> {
  try {
    return await ensure(to, member, PATIENCE_MS);
  } catch (error) {
    if ((error as { code?: number }).code !== status.DEADLINE_EXCEEDED) throw error;
    return await ensure(to, member);
  }
}
