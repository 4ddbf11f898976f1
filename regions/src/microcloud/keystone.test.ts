// What Keystone does that the executor, the gateway and OpenStack's own clients rely upon. Each case was seen on the real
// one. Heat's cases are the contract of a region, which runs against both.
import test, { type ExecutionContext } from 'ava';
import { folder, lifeline, microcloud, microcloudSettings, signIn } from '../testing/region.ts';
import type { Microcloud } from './microcloud.ts';

const SERVICE = 'a'.repeat(32);
interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: what a test reads of JSON is checked by its assertions.
  readonly body: any;
}

async function call(
  url: string,
  options: { method?: string; token?: string; subject?: string; body?: unknown } = {},
): Promise<Answer> {
  const headers: Record<string, string> = {};
  if (options.token !== undefined) headers['x-auth-token'] = options.token;
  if (options.subject !== undefined) headers['x-subject-token'] = options.subject;
  const body = options.body === undefined ? {} : { body: JSON.stringify(options.body) };
  const answer = await fetch(url, { method: options.method ?? 'GET', headers, redirect: 'manual', ...body });
  const text = await answer.text();
  const isJson = answer.headers.get('content-type')?.includes('json') === true && text !== '';
  return { status: answer.status, headers: answer.headers, body: isJson ? JSON.parse(text) : text };
}

async function cloud(t: ExecutionContext): Promise<Microcloud & { token: string }> {
  const directory = folder(t);
  const started = await microcloud(t, microcloudSettings(directory, { lifeline: await lifeline(t, directory) }));
  const token = await signIn(started.keystoneUrl, 'argosy', 'secret', 'service');
  return { ...started, token };
}

test('Keystone: a password gives a token, an unscoped one becomes a scoped one, a wrong one gives 401', async (t) => {
  const { keystoneUrl } = await cloud(t);
  const tokens = `${keystoneUrl}/v3/auth/tokens`;
  const user = { name: 'demo', domain: { name: 'Default' }, password: 'demo' };
  const password = { methods: ['password'], password: { user } };

  const unscoped = await call(tokens, { method: 'POST', body: { auth: { identity: password } } });
  t.is(unscoped.status, 201);
  t.is(unscoped.body.token.project, undefined);
  const id = unscoped.headers.get('x-subject-token') ?? '';
  const scope = { project: { id: 'b'.repeat(32) } };
  const byToken = { methods: ['token'], token: { id } };
  const scoped = await call(tokens, { method: 'POST', body: { auth: { identity: byToken, scope } } });
  t.is(scoped.status, 201);
  t.deepEqual(
    scoped.body.token.roles.map(({ name }: { name: string }) => name),
    ['member', 'reader'],
  );
  t.deepEqual(
    scoped.body.token.catalog.map(({ type }: { type: string }) => type),
    ['identity', 'orchestration', 'database'],
  );
  t.is(scoped.body.token.expires_at, unscoped.body.token.expires_at);

  const wrong = { methods: ['password'], password: { user: { ...user, password: 'guess' } } };
  const refused = await call(tokens, { method: 'POST', body: { auth: { identity: wrong } } });
  t.is(refused.status, 401);
  t.like(refused.body.error, { code: 401, title: 'Unauthorized' });
  const elsewhere = { auth: { identity: password, scope: { project: { id: SERVICE } } } };
  t.is((await call(tokens, { method: 'POST', body: elsewhere })).status, 401);
});

test('Keystone: a token tells of itself, of others only to an admin, and nothing once it is given back', async (t) => {
  const { keystoneUrl, token: admin } = await cloud(t);
  const tokens = `${keystoneUrl}/v3/auth/tokens`;
  const demo = await signIn(keystoneUrl, 'demo', 'demo', 'demo');

  t.is((await call(tokens, { token: demo, subject: demo })).body.token.user.name, 'demo');
  t.is((await call(tokens, { method: 'HEAD', token: demo, subject: demo })).status, 200);
  t.is((await call(tokens, { token: admin, subject: demo })).status, 200);
  t.is((await call(tokens, { token: demo, subject: admin })).status, 403);
  t.is((await call(tokens, { token: admin, subject: 'nonsense' })).status, 404);
  t.is((await call(`${keystoneUrl}/v3/users`, { token: demo })).status, 403);
  t.is((await call(`${keystoneUrl}/v3/users`, { token: admin })).body.users.length, 2);
  t.is((await call(`${keystoneUrl}/v3/auth/projects`, { token: demo })).body.projects[0].name, 'demo');
  t.is((await call(tokens, { method: 'DELETE', token: demo, subject: demo })).status, 204);
  t.is((await call(tokens, { token: demo, subject: demo })).status, 401);
});
