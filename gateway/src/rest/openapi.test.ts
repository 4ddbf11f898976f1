import test from 'ava';
import { made, orders, type Served, serve } from './server-for-tests.ts';

/** Each of them is wrong for every operation that takes a body, in its own way. */
const WRONG_BODIES = [
  { colour: 'red' },
  { cluster: { colour: 'red' } },
  [],
  1,
  '{"cluster":',
  { cluster: null },
  { to: 1 },
];
const TOKENS = ['admin', 'demo', 'viewer', 'stranger', 'nobody', 'forged', undefined];
const METHODS = ['get', 'post', 'patch', 'delete'] as const;

// biome-ignore lint/suspicious/noExplicitAny: an OpenAPI document is JSON of many shapes.
type Document = any;

async function documentOf({ call }: Served): Promise<Document> {
  return (await call(undefined, 'GET', '/v2/openapi.json')).body;
}

function operationsOf(document: Document): { method: string; path: string; operation: Document }[] {
  return Object.entries<Document>(document.paths).flatMap(([path, item]) =>
    METHODS.filter((method) => method in item).map((method) => ({ method, path, operation: item[method] })),
  );
}

test('every route and page of the code is in the document, and nothing else', async (t) => {
  const served = await serve(t);
  const document = await documentOf(served);
  const documented = operationsOf(document).map(({ method, path }) => `${method.toUpperCase()} ${path}`);
  const routes = served.routes.map(({ method, path }) => `${method} ${path.replaceAll(/:([a-z]+)/g, '{$1}')}`);
  const pages = served.pages.filter(({ summary }) => summary !== undefined).map(({ path }) => `GET ${path}`);

  t.deepEqual(documented.sort(), [...routes, ...pages].sort());
  t.regex(document.openapi, /^3\.1\./);
});

test('operations have names of their own, references lead somewhere, and paths declare their parameters', async (t) => {
  const document = await documentOf(await serve(t));
  const operations = operationsOf(document);
  const ids = operations.map(({ operation }) => operation.operationId);
  t.is(new Set(ids).size, ids.length);

  const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g)];
  t.true(references.length > 0);
  for (const [, name = ''] of references) t.true(name in document.components.schemas, name);
  for (const { path, operation } of operations) {
    const declared = (operation.parameters ?? []).filter((each: Document) => each.in === 'path');
    t.deepEqual(
      declared.map(({ name }: Document) => `{${name}}`),
      path.match(/\{[a-z_]+\}/g) ?? [],
    );
  }
});

test('the document tells what is read: the fields of a body, the values of a parameter, the titles of an error', async (t) => {
  const document = await documentOf(await serve(t));
  const create = document.paths['/v2/clusters'].post;
  const { cluster } = create.requestBody.content['application/json'].schema.properties;

  t.deepEqual(cluster.required, ['name', 'datastore']);
  t.false(cluster.additionalProperties);
  t.like(cluster.properties.topology.properties.voters, { minimum: 1, maximum: 7, default: 3 });
  const limit = document.paths['/v2/clusters'].get.parameters.find(({ name }: Document) => name === 'limit');
  t.like(limit.schema, { type: 'integer', minimum: 1, maximum: 1000 });
  t.true(JSON.stringify(create.responses['409']).includes('cluster.name_taken'));
  t.true(create.requestBody.required);
  t.false(document.paths['/v2/operations/{id}/cancel'].post.requestBody.required);
});

test('no operation answers what the document does not tell, whoever asks and whatever is sent', async (t) => {
  const served = await made(t);
  const operations = operationsOf(await documentOf(served));
  const operationId = served.world.federation.operations()[0]?.id ?? '';
  // `call` reads every answer by the schema of the document, and fails for what is not in it.
  for (const { method, path } of operations) {
    const id = path.includes('operations') ? operationId : 'orders';
    for (const target of [
      path.replace('{id}', id).replace('{name}', 'north'),
      path.replaceAll(/\{[a-z]+\}/g, 'nothing'),
    ]) {
      for (const token of TOKENS) await served.call(token, method.toUpperCase(), `${target}?colour=red`);
      for (const token of TOKENS.filter((each) => method === 'get' || each !== 'admin')) {
        await served.call(token, method.toUpperCase(), method === 'get' ? target : `${target}?dry_run=maybe`);
      }
      if (method === 'get') continue;
      for (const body of WRONG_BODIES) {
        const { status } = await served.call('demo', method.toUpperCase(), target, body);
        t.true(status >= 400 && status < 500, `${method} ${target} ${JSON.stringify(body)}: ${status}`);
      }
    }
  }
});

test('what the document shows as valid is accepted', async (t) => {
  const { call, world } = await made(t);
  const end = async (id: string): Promise<void> => world.until(() => world.federation.operation(id)?.status === 'DONE');
  const changes: [string, string, unknown][] = [
    ['PATCH', '/v2/clusters/orders', { cluster: { topology: { replicas: 1 }, placement: { survive: 'zone' } } }],
    ['POST', '/v2/clusters/orders/switchover', {}],
    ['POST', '/v2/clusters/orders/failover', {}],
    ['POST', '/v2/clusters/orders/credentials', undefined],
    ['DELETE', '/v2/clusters/orders', undefined],
    ['POST', '/v2/clusters', orders],
  ];
  for (const [method, path, body] of changes) {
    t.is((await call('demo', method, `${path}?dry_run=true`, body)).status, 200, path);
    const { status, body: answer } = await call('demo', method, path, body);
    t.is(status, 202, JSON.stringify(answer));
    await end(answer.operation.id);
  }
  for (const path of ['/v2/clusters', '/v2/operations', '/v2/regions', '/v2/datastores', '/v2/events', '/v2/quotas']) {
    t.is((await call('admin', 'GET', path)).status, 200, path);
  }
});

test('the reference page comes from this peer alone', async (t) => {
  const { origin } = await serve(t);
  const page = await fetch(`${origin}/docs`);
  const text = await page.text();

  t.regex(page.headers.get('content-security-policy') ?? '', /^default-src 'self'/);
  const parts = [...text.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, part]) => part ?? '');
  t.is(parts.length, 3);
  for (const part of parts) {
    t.true(part.startsWith('/docs/'));
    t.is((await fetch(`${origin}${part}`)).status, 200, part);
  }
  t.false(/<script>|<style>|style=/.test(text));
});
