// What Keystone and Heat do that the executor, the gateway and OpenStack's own clients rely upon. Each case was seen on
// the real ones.
import test, { type ExecutionContext } from 'ava';
import { folder, lifeline, microcloud, microcloudSettings, signIn, until } from '../testing/region.ts';
import type { Microcloud } from './microcloud.ts';

const SERVICE = 'a'.repeat(32);
const TEMPLATE = {
  heat_template_version: '2021-04-16',
  parameters: { secret: { type: 'string', hidden: true, default: 'x' } },
  resources: { volume: { type: 'OS::Cinder::Volume', properties: { size: 1 } } },
  outputs: { volume: { value: { get_resource: 'volume' } } },
};

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

async function cloud(t: ExecutionContext): Promise<Microcloud & { stacks: string; token: string }> {
  const directory = folder(t);
  const started = await microcloud(t, microcloudSettings(directory, { lifeline: await lifeline(t, directory) }));
  const token = await signIn(started.keystoneUrl, 'argosy', 'secret', 'service');
  return { ...started, stacks: `${started.heatUrl}/v1/${SERVICE}/stacks`, token };
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

test('Heat: a stack is made, found by a redirect, told by events after a marker, and gone by name after its delete', async (t) => {
  const { stacks, token } = await cloud(t);
  const body = { stack_name: 'argosy-x', template: TEMPLATE, tags: 'argosy,c1', parameters: { secret: 'hush' } };

  const made = await call(stacks, { method: 'POST', token, body });
  t.is(made.status, 201);
  const byId = `${stacks}/argosy-x/${made.body.stack.id}`;
  await until(async () => (await call(byId, { token })).body.stack.stack_status === 'CREATE_COMPLETE');
  const found = await call(`${stacks}/argosy-x`, { token });
  t.is(found.status, 302);
  t.is(found.headers.get('location'), byId);
  const { stack } = (await call(byId, { token })).body;
  t.is(stack.parameters.secret, '******');
  t.deepEqual(stack.tags, ['argosy', 'c1']);
  t.is(stack.outputs[0].output_key, 'volume');

  const { events } = (await call(`${byId}/events?sort_dir=asc`, { token })).body;
  t.deepEqual(
    events.map((event: Record<string, string>) => `${event.resource_name} ${event.resource_status}`),
    ['argosy-x CREATE_IN_PROGRESS', 'volume CREATE_IN_PROGRESS', 'volume CREATE_COMPLETE', 'argosy-x CREATE_COMPLETE'],
  );
  const rest = await call(`${byId}/events?sort_dir=asc&marker=${events[2].id}`, { token });
  t.deepEqual(
    rest.body.events.map(({ id }: { id: string }) => id),
    [events[3].id],
  );
  const count = async (query: string): Promise<number> =>
    (await call(`${stacks}?${query}`, { token })).body.stacks.length;
  t.deepEqual([await count('tags=argosy,c1'), await count('tags=c2'), await count('name=argosy-x')], [1, 0, 1]);

  const again = await call(stacks, { method: 'POST', token, body });
  t.is(again.status, 409);
  t.is(again.body.error.type, 'StackExists');
  t.is((await call(byId, { method: 'DELETE', token })).status, 204);
  await until(async () => (await call(byId, { token })).body.stack.stack_status === 'DELETE_COMPLETE');
  t.is((await call(`${stacks}/argosy-x`, { token })).status, 404);
  t.is((await call(stacks, { method: 'POST', token, body })).status, 201);
});

test('Heat: what cannot be made is refused before anything is made', async (t) => {
  const { stacks, token } = await cloud(t);
  const template = { ...TEMPLATE, resources: { volume: { type: 'OS::Cinder::Vase' } } };

  const refused = await call(stacks, { method: 'POST', token, body: { stack_name: 'x', template } });

  t.is(refused.status, 400);
  t.like(refused.body, { code: 400, title: 'Bad Request', error: { type: 'StackValidationFailed' } });
  t.is((await call(stacks, { method: 'POST', token, body: { stack_name: '7', template: TEMPLATE } })).status, 400);
  t.is((await call(stacks, { token: 'nonsense' })).status, 401);
  t.deepEqual((await call(stacks, { token })).body.stacks, []);
});

test('Heat: what a failed create has finished stays, and a delete clears it', async (t) => {
  const { stacks, token } = await cloud(t);
  const server = {
    type: 'OS::Nova::Server',
    properties: {
      image: 'member',
      flavor: 'm1.small',
      availability_zone: 'nowhere',
      networks: [{ port: { get_resource: 'port' } }],
    },
  };
  const port = { type: 'OS::Neutron::Port', properties: { network: 'members' } };
  const template = { heat_template_version: '2021-04-16', resources: { port, server } };

  const made = await call(stacks, { method: 'POST', token, body: { stack_name: 'x', template } });
  const byId = `${stacks}/x/${made.body.stack.id}`;
  await until(async () => (await call(byId, { token })).body.stack.stack_status === 'CREATE_FAILED');
  t.regex((await call(byId, { token })).body.stack.stack_status_reason, /resources\.server: .*availability zone/);
  const { resources } = (await call(`${byId}/resources`, { token })).body;
  t.deepEqual(
    resources.map((resource: Record<string, string>) => resource.resource_status),
    ['CREATE_COMPLETE', 'CREATE_FAILED'],
  );
  await call(byId, { method: 'DELETE', token });
  await until(async () => (await call(byId, { token })).body.stack.stack_status === 'DELETE_COMPLETE');
});

test('Heat: an update is accepted whatever the stack does, keeps what it is not given, and the latest one counts', async (t) => {
  const { stacks, token } = await cloud(t);
  const template = {
    ...TEMPLATE,
    parameters: { size: { type: 'number', default: 1 }, secret: { type: 'string', default: 'x' } },
    resources: {
      volume: { type: 'OS::Cinder::Volume', properties: { size: { get_param: 'size' } } },
      port: { type: 'OS::Neutron::Port', properties: { network: 'members' } },
    },
    outputs: { size: { value: { get_attr: ['volume', 'size'] } } },
  };
  const body = { stack_name: 'x', template, parameters: { secret: 'kept' } };
  const made = await call(stacks, { method: 'POST', token, body });
  const byId = `${stacks}/x/${made.body.stack.id}`;
  const patch = (given: object): Promise<Answer> => call(byId, { method: 'PATCH', token, body: given });
  const shown = async () => (await call(byId, { token })).body.stack;

  const accepted = await patch({ existing: true, parameters: { size: 2 } });
  t.is(accepted.status, 202);
  t.regex(accepted.headers.get('content-type') ?? '', /html/);
  t.is((await patch({ existing: true, parameters: { size: 3 } })).status, 202);
  await until(async () => (await shown()).stack_status === 'UPDATE_COMPLETE');
  t.like(await shown(), { outputs: [{ output_value: 3 }] });
  t.like((await shown()).parameters, { size: '3', secret: 'kept' });

  t.is((await patch({ existing: true, parameters: { size: 2 } })).status, 202);
  await until(async () => (await shown()).stack_status === 'UPDATE_FAILED');
  t.regex((await shown()).stack_status_reason, /resources\.volume: NotSupported: Shrinking volume/);
  t.is((await patch({ parameters: { size: 4 } })).status, 400);
  t.is((await patch({ existing: true, parameters: { width: 4 } })).status, 400);
  const put = (given: object): Promise<Answer> => call(byId, { method: 'PUT', token, body: given });
  t.is((await put({ existing: true, template })).status, 400);
  const { port: _dropped, ...resources } = template.resources;
  t.is((await put({ template: { ...template, resources }, parameters: { size: 4 } })).status, 202);
  await until(async () => (await shown()).stack_status === 'UPDATE_COMPLETE');
  const left = (await call(`${byId}/resources`, { token })).body.resources;
  t.deepEqual(
    left.map((resource: Record<string, string>) => resource.resource_name),
    ['volume'],
  );
});
