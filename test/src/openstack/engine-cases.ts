// What is relied on when the engine dies, answers no more, or ends a token.
import { booting, type Cases, type Given, until } from './cases.ts';
import { memberContent, patch } from './contents.ts';
import { call, RegionClient } from './region-client.ts';

/** How long a stack is watched whose engine has died: nobody goes on with it. */
const WATCHED_MS = 2_000;
const SILENT_MS = 1_500;

export const engineCases: Cases = {};
const cases = engineCases;

/** Begins a member's stack and kills the engine while its server boots. Returns the rest of the stack's path. */
async function crashedInCreate({ target, region }: Given, name: string): Promise<string> {
  await target.faults({ zone_stalled: ['north-a'] });
  const { body } = await region.create(name, memberContent());
  await booting({ target, region }, name);
  await target.crashEngine();
  await target.faults({});
  return `/${name}/${body.stack.id}`;
}

cases['a stack whose engine is killed stays IN_PROGRESS; an update takes it up'] = async (t, given) => {
  const { target, region } = given;
  const path = await crashedInCreate(given, 'orphaned');

  const end = performance.now() + WATCHED_MS;
  while (performance.now() < end) t.is((await region.shown(path)).stack_status, 'CREATE_IN_PROGRESS');
  const stack = await region.changed(path, patch({}));
  t.is(stack.stack_status, 'UPDATE_COMPLETE', stack.stack_status_reason);
  t.is((await region.removed(path)).stack_status, 'DELETE_COMPLETE');
  t.deepEqual(target.leftOvers(), []);
};

cases['a stack whose engine is killed can be deleted, and leaves nothing'] = async (t, given) => {
  const path = await crashedInCreate(given, 'given-up');

  const before = await given.region.lastEvent(path);
  t.is((await given.region.ask(path, { method: 'DELETE' })).status, 204);
  t.is((await given.region.settledSince(path, before)).stack_status, 'DELETE_COMPLETE');
  t.deepEqual(given.target.leftOvers(), []);
};

cases['an engine that answers no more lets one wait, and goes on where it was'] = async (t, { target, region }) => {
  target.freezeEngine();
  const silence = await fetch(region.stacks, {
    headers: { 'x-auth-token': region.token },
    signal: AbortSignal.timeout(SILENT_MS),
  }).catch((error: unknown) => (error as Error).name);
  target.thawEngine();

  t.is(silence, 'TimeoutError');
  t.is((await region.ask('')).status, 200);
};

cases['a token that was ended is refused, and a new one is good at once'] = async (t, { target, region }) => {
  const soon = await RegionClient.signIn(target);
  await target.expireTokens();

  await until('the token is refused', async () => (await call(soon.stacks, { token: soon.token })).status === 401);
  const again = await RegionClient.signIn(target);
  t.is((await again.ask('')).status, 200);
  region.token = again.token;
};
