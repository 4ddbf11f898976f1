// A server that Heat has lost: it asked Nova for one, and was killed before it heard which. The executor finds it by the
// port that it has, goes on without it, and removes it when it is told to. Microcloud's Heat loses none: it draws the ids
// of its servers itself.
import type { ExecutionContext } from 'ava';
import { type Given, until } from './cases.ts';
import { memberSpec, startExecutor } from './executor-process.ts';
import { RegionClient } from './region-client.ts';

const STUCK_SECONDS = 12;

export async function lostServer(t: ExecutionContext, { target }: Given): Promise<void> {
  const asked = await startExecutor(target, { stuckAfterSeconds: STUCK_SECONDS });
  t.teardown(() => asked.stop());
  const token = (await RegionClient.signIn(target, ['admin', 'admin', 'service'])).token;
  const orphans = async () => (await asked.admin(token, '/orphans')).orphans;

  await target.faults({ server_answers: 'hang' });
  const making = asked.ensure(memberSpec('c20-1'));
  await until('Nova makes the server', () => target.servers().length === 1);
  const [lost] = target.servers();
  await target.crashEngine();
  await target.faults({});

  t.is((await making).peer?.memberId, 'c20-1');
  t.is(target.servers().length, 2);
  const [found, ...others] = await orphans();
  t.deepEqual(others, []);
  t.like(found, { kind: 'lost_server', member_id: 'c20-1', removable: true, removed: false });
  t.true(found.why.includes(lost?.id));
  const repaired = (await asked.admin(token, '/orphans/repair', { stack_ids: [found.stack_id] })).orphans;
  t.like(repaired[0], { kind: 'lost_server', removed: true });
  t.deepEqual(await orphans(), []);
  t.false(target.servers().some(({ id }) => id === lost?.id));
  t.true(await asked.remove('c20-1'));
  t.deepEqual(target.leftOvers(), []);
}
