import { systemClock } from '@argosy/proto';
import test from 'ava';
import { Callers } from './callers.ts';

const TOMORROW = new Date(Date.now() + 86_400_000).toISOString();
const keystones = ['north', 'south'].map((name) => ({ name, url: `http://${name}/v3` }));

/** Keystones that know the tokens they are given; undefined is one that does not answer. */
function callers(
  known: Record<string, Record<string, string> | undefined>,
  links: { keystone: string; projectId: string }[][] = [],
) {
  const asked: string[] = [];
  const fake = async (input: unknown, init?: RequestInit): Promise<Response> => {
    const { hostname } = new URL(String(input));
    asked.push(hostname);
    const tokens = known[hostname];
    if (tokens === undefined) throw new Error('connection refused');
    const project = tokens[new Headers(init?.headers).get('x-subject-token') ?? ''];
    if (project === undefined) return new Response('{}', { status: 404 });
    const token = {
      expires_at: TOMORROW,
      user: { id: 'u', name: 'demo' },
      project: { id: project, name: 'demo' },
      roles: [{ name: 'member' }],
    };
    return new Response(JSON.stringify({ token }), { status: 200 });
  };
  return {
    asked,
    callers: new Callers({ keystones, links: () => links, clock: systemClock, fetch: fake as typeof fetch }),
  };
}

test('a token is asked about once, then remembered', async (t) => {
  const { asked, callers: known } = callers({ north: { good: 'p1' }, south: {} });
  await known.identify('good');
  const caller = await known.identify('good');

  t.deepEqual(caller, { userId: 'u', userName: 'demo', projectId: 'p1', projectName: 'demo', roles: ['member'] });
  t.deepEqual(asked, ['north']);
});

test("a token of another region's Keystone is known too, also when the own Keystone is gone", async (t) => {
  t.is((await callers({ north: {}, south: { good: 'p2' } }).callers.identify('good')).projectId, 'p2');
  t.is((await callers({ north: undefined, south: { good: 'p2' } }).callers.identify('good')).projectId, 'p2');
});

test('projects are one only when an administrator has linked them', async (t) => {
  const links = [
    [
      { keystone: 'north', projectId: 'p1' },
      { keystone: 'south', projectId: 'p2' },
    ],
  ];
  const south = { north: {}, south: { good: 'p2' } };

  t.is((await callers(south, links).callers.identify('good')).projectId, 'p1');
  t.is((await callers(south, []).callers.identify('good')).projectId, 'p2');
  // A link that is made later counts at once, also for a token that is remembered.
  const made: { keystone: string; projectId: string }[][] = [];
  const { callers: known } = callers(south, made);
  t.is((await known.identify('good')).projectId, 'p2');
  made.push(...links);
  t.is((await known.identify('good')).projectId, 'p1');
});

test('an unknown token is refused, and a silent Keystone is not taken for a no', async (t) => {
  await t.throwsAsync(callers({ north: {}, south: {} }).callers.identify('bad'), { message: /accepts this token/ });
  await t.throwsAsync(callers({ north: {}, south: undefined }).callers.identify('bad'), { message: /does not answer/ });
  await t.throwsAsync(callers({ north: {}, south: {} }).callers.identify(undefined), { message: /X-Auth-Token/ });
});

test('what can be no token is refused without asking anybody, and an expired one after', async (t) => {
  const { asked, callers: known } = callers({ north: {}, south: {} });
  for (const token of ['a b', 'ÿ', 'x'.repeat(10_000)]) {
    await t.throwsAsync(known.identify(token), { message: /characters that no token has, or too many/ });
  }
  t.deepEqual(asked, []);

  const body = {
    token: { expires_at: '2020-01-01T00:00:00Z', user: { id: 'u', name: 'u' }, project: { id: 'p', name: 'p' } },
  };
  const fake = async (): Promise<Response> => new Response(JSON.stringify(body), { status: 200 });
  const late = new Callers({ keystones, links: () => [], clock: systemClock, fetch: fake as typeof fetch });
  await t.throwsAsync(late.identify('expired'), { message: /wrong, expired or revoked/ });
});
