import { callUnary, type EnsureMemberResponse, type ExecutorServiceClient } from '@argosy/proto';
import test from 'ava';
import {
  client,
  executor,
  executorSettings,
  folder,
  GATEWAY,
  microcloud,
  microcloudSettings,
  spec,
  trust,
} from '../testing/region.ts';

const deadline = (): Date => new Date(Date.now() + 20_000);

function ensure(to: ExecutorServiceClient, memberId: string): Promise<EnsureMemberResponse> {
  return callUnary(to.ensureMember.bind(to), { header: undefined, member: spec(memberId) }, { deadline: deadline() });
}

test('a member is made, enrolled and told with its address; a repeat answers the same', async (t) => {
  const directory = folder(t);
  const cloud = await microcloud(t, microcloudSettings(directory));
  const authorities = await trust(directory);
  const started = await executor(t, executorSettings(authorities.files, cloud.keystoneUrl));
  const gateway = await client(t, started.grpcPort, {
    authority: authorities.root,
    root: authorities.root.certificate,
    identity: GATEWAY,
  });

  const began = performance.now();
  const first = await ensure(gateway, 'c1-1');
  t.log(`EnsureMember took ${Math.round(performance.now() - began)} ms`);
  const second = await ensure(gateway, 'c1-1');

  t.deepEqual(second, first);
  t.regex(first.peer?.address ?? '', /^127\.201\./);
  t.is(first.peer?.port, 5432);
  t.is(first.peer?.serverName, 'c1-1.north.test.argosy.internal');
});
