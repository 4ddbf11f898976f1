// What is relied on of any stack: names, redirects, events, updates, refusals.

import { createServer } from 'node:http';
import { type Cases, until } from './cases.ts';
import { patch, VOLUME } from './contents.ts';
import { call, RegionClient } from './region-client.ts';
import { MAX_STACKS } from './region-under-test.ts';

/** Heat takes it for a bad request. */
const REFUSED_LIMIT = 400;

export const stackCases: Cases = {};
const cases = stackCases;

cases['a stack is made, and told by outputs, tags and events; what is hidden stays hidden'] = async (t, { region }) => {
  const content = { template: VOLUME, tags: 'argosy,c1', parameters: { secret: 'hush' } };
  const path = await region.made('made', content);

  const stack = await region.shown(path);
  t.is(stack.stack_status, 'CREATE_COMPLETE');
  t.is(stack.parameters.secret, '******');
  t.deepEqual(stack.tags, ['argosy', 'c1']);
  const keys = stack.outputs.map((output: { output_key: string }) => output.output_key);
  t.deepEqual(keys.sort(), ['size', 'volume']);
  const { events } = (await region.ask(`${path}/events?sort_dir=asc`)).body;
  t.deepEqual(
    events.map((event: Record<string, string>) => `${event.resource_name} ${event.resource_status}`),
    ['made CREATE_IN_PROGRESS', 'volume CREATE_IN_PROGRESS', 'volume CREATE_COMPLETE', 'made CREATE_COMPLETE'],
  );
  const rest = (await region.ask(`${path}/events?sort_dir=asc&marker=${events[2].id}`)).body.events;
  t.deepEqual(
    rest.map(({ id }: { id: string }) => id),
    [events[3].id],
  );
  const count = async (query: string): Promise<number> => (await region.ask(`?${query}`)).body.stacks.length;
  t.deepEqual([await count('tags=argosy,c1'), await count('tags=c2'), await count('name=made')], [1, 0, 1]);
  t.is((await region.removed(path)).stack_status, 'DELETE_COMPLETE');
};

cases['a name is taken once, found by a redirect, and free again after the delete'] = async (t, { region }) => {
  const path = await region.made('named', { template: VOLUME });

  const again = await region.create('named', { template: VOLUME });
  t.is(again.status, 409);
  t.is(again.body.error.type, 'StackExists');
  const found = await region.ask('/named');
  t.is(found.status, 302);
  t.true(found.headers.get('location')?.endsWith(`/stacks${path}`));
  t.is((await region.ask('/unnamed')).status, 404);

  t.is((await region.ask(path, { method: 'DELETE' })).status, 204);
  t.is((await region.settled(path)).stack_status, 'DELETE_COMPLETE');
  // The name is kept for a moment: who asks by it then is led to a stack that is gone, and cannot make another.
  const before = await region.ask('/named');
  const taken = await region.create('named', { template: VOLUME });
  if (taken.status === 409) t.is(before.status, 302);
  else await region.removed(`/named/${taken.body.stack.id}`);
  await region.freed('named');
  const next = await region.made('named', { template: VOLUME });
  t.not(next, path);
  await region.removed(next);
};

cases['what cannot be made is refused before anything is made'] = async (t, { region }) => {
  const refusal = async (name: string, content: object): Promise<string> => {
    const { status, body } = await region.create(name, content);
    return `${status} ${body.error?.type}`;
  };
  const resource = (volume: object): object => ({ template: { ...VOLUME, resources: { volume } } });

  t.is(await refusal('x', resource({ type: 'OS::Cinder::Vase' })), '400 StackValidationFailed');
  const properties = { size: 1, colour: 'red' };
  t.is(await refusal('x', resource({ type: 'OS::Cinder::Volume', properties })), '400 StackValidationFailed');
  const double = { ...VOLUME, parameters: { ...VOLUME.parameters, volume: { type: 'string', default: '' } } };
  t.is(await refusal('x', { template: double }), '400 StackValidationFailed');
  t.is((await region.create('7', { template: VOLUME })).status, 400);
  t.is((await region.create('x', { template: VOLUME, parameters: { width: 1 } })).status, 400);
  t.is((await call(region.stacks, { token: 'nonsense' })).status, 401);
  t.is((await region.ask('/x')).status, 404);
};

cases['a preview says what the region does not have, and makes nothing'] = async (t, { target, region }) => {
  const preview = async (resources: object): Promise<string> => {
    const body = { stack_name: 'previewed', disable_rollback: true, template: { ...VOLUME, outputs: {}, resources } };
    const answer = await region.ask('/preview', { method: 'POST', body });
    return answer.status === 200 ? 'valid' : `${answer.status} ${answer.body.error.type} ${answer.body.error.message}`;
  };
  const server = (flavor: string, image: string): object => ({
    server: { type: 'OS::Nova::Server', properties: { image, flavor, networks: [{ network: 'members' }] } },
  });

  const port = { type: 'OS::Neutron::Port', properties: { network: 'nowhere' } };
  const volume = { type: 'OS::Cinder::Volume', properties: { size: 1, volume_type: 'gold' } };
  const said = {
    nothing: await preview(server('m1.small', 'member')),
    flavor: await preview(server('m1.huge', 'member')),
    image: await preview(server('m1.small', 'none')),
    network: await preview({ port }),
    volumeType: await preview({ volume }),
  };

  t.is(said.nothing, 'valid');
  const invalid = (resource: string, property: string, value: string, why: string): RegExp =>
    new RegExp(
      `^400 StackValidationFailed .*${resource}\\.properties\\.${property}: Error validating value '${value}': .*${why}`,
      's',
    );
  t.regex(said.flavor, invalid('server', 'flavor', 'm1.huge', 'No Flavor matching'));
  t.regex(said.image, invalid('server', 'image', 'none', 'No images matching'));
  t.regex(said.network, invalid('port', 'network', 'nowhere', "network with name or id 'nowhere'"));
  t.regex(said.volumeType, invalid('volume', 'volume_type', 'gold', 'could not be found'));
  t.is((await region.ask('/previewed')).status, 404);
  t.deepEqual(target.leftOvers(), []);
};

cases['what a failed create has finished stays, and a delete clears it'] = async (t, { target, region }) => {
  const server = {
    type: 'OS::Nova::Server',
    properties: {
      ...{ image: 'member', flavor: 'm1.small', availability_zone: 'north-b', user_data_format: 'RAW' },
      networks: [{ port: { get_resource: 'port' } }],
    },
  };
  const port = { type: 'OS::Neutron::Port', properties: { network: 'members' } };
  const template = { heat_template_version: '2021-04-16', resources: { port, server } };

  const path = await region.made('half', { template });
  const { stack_status: status, stack_status_reason: reason } = await region.shown(path);
  t.is(status, 'CREATE_FAILED');
  t.regex(reason, /^Resource CREATE failed: ResourceInError: resources\.server: .*No valid host was found/);
  const { resources } = (await region.ask(`${path}/resources`)).body;
  const told = resources.map((one: Record<string, string>) => `${one.resource_name} ${one.resource_status}`);
  t.deepEqual(told.sort(), ['port CREATE_COMPLETE', 'server CREATE_FAILED']);
  t.is((await region.removed(path)).stack_status, 'DELETE_COMPLETE');
  t.deepEqual(target.leftOvers(), []);
};

cases['an update keeps what it is not given, and says what it cannot do'] = async (t, { region }) => {
  const port = { type: 'OS::Neutron::Port', properties: { network: 'members' } };
  const template = { ...VOLUME, resources: { ...VOLUME.resources, port } };
  const path = await region.made('updated', { template, parameters: { secret: 'kept' } });

  const before = await region.lastEvent(path);
  const accepted = await region.ask(path, patch({ size: 2 }));
  t.is(accepted.status, 202);
  t.regex(accepted.headers.get('content-type') ?? '', /html/);
  t.is((await region.settledSince(path, before)).stack_status, 'UPDATE_COMPLETE');
  const grown = await region.changed(path, patch({ size: 3 }));
  t.is(grown.stack_status, 'UPDATE_COMPLETE');
  t.is(grown.parameters.size, '3');
  t.is(grown.parameters.secret, '******');
  const size = grown.outputs.find((output: { output_key: string }) => output.output_key === 'size');
  t.is(Number(size.output_value), 3);

  const shrunk = await region.changed(path, patch({ size: 2 }));
  t.is(shrunk.stack_status, 'UPDATE_FAILED');
  t.regex(shrunk.stack_status_reason, /^Resource UPDATE failed: NotSupported: resources\.volume: Shrinking volume/);
  const mended = await region.changed(path, { method: 'PATCH', body: { parameters: { size: 3, width: 4 } } });
  t.is(mended.stack_status, 'UPDATE_COMPLETE');
  t.is(mended.parameters.width, undefined);
  t.is((await region.ask(path, { method: 'PUT', body: { existing: true } })).status, 400);

  const whole = await region.changed(path, { method: 'PUT', body: { template: VOLUME, parameters: { size: 4 } } });
  t.is(whole.stack_status, 'UPDATE_COMPLETE');
  const left = (await region.ask(`${path}/resources`)).body.resources;
  t.deepEqual(
    left.map((one: Record<string, string>) => one.resource_name),
    ['volume'],
  );
  await region.removed(path);
};

cases['a project sees its own stacks only'] = async (t, { target, region }) => {
  const other = await RegionClient.signIn(target, ['demo', 'demo', 'demo']);
  const path = await region.made('own', { template: VOLUME });

  t.deepEqual((await other.ask('')).body.stacks, []);
  t.is((await other.ask(path)).status, 404);
  t.is((await other.ask('/own')).status, 404);
  t.true([403, 404].includes((await call(`${region.stacks}${path}`, { token: other.token })).status));
  await region.removed(path);
};

cases['of two updates at once the later one stays'] = async (t, { target, region }) => {
  const path = await region.made('twice', { template: VOLUME });
  const before = await region.lastEvent(path);

  t.is((await region.ask(path, patch({ size: 2 }))).status, 202);
  t.is((await region.ask(path, patch({ size: 3 }))).status, 202);
  await region.settledSince(path, before);
  // The end of the earlier may be told before the later one begins.
  await until('the later update has ended', async () => {
    const { stack_status: status, parameters } = await region.settled(path);
    return status === 'UPDATE_COMPLETE' && parameters.size === '3';
  });

  const { outputs } = await region.shown(path);
  t.is(Number(outputs.find((output: { output_key: string }) => output.output_key === 'size').output_value), 3);
  await region.removed(path);
  t.deepEqual(target.leftOvers(), []);
};

cases['a project has no more stacks than it is allowed'] = async (t, { region }) => {
  const empty = { template: { heat_template_version: '2021-04-16' } };
  await until('the former stacks are gone', async () => (await region.ask('')).body.stacks.length === 0);
  const names = Array.from({ length: MAX_STACKS }, (_, index) => `many-${index}`);
  const paths: string[] = [];
  for (const name of names) paths.push(await region.made(name, empty));

  const { status, body } = await region.create('one-too-many', empty);
  t.is(status, REFUSED_LIMIT);
  t.is(body.error.type, 'RequestLimitExceeded');
  t.regex(body.error.message, /You have reached the maximum stacks per tenant, 6/);
  for (const path of paths) await region.ask(path, { method: 'DELETE' });
  for (const path of paths) await region.settled(path);
};

cases['events are pushed to the queue that the environment names, with a token of the project'] = async (
  t,
  { target, region },
) => {
  const got: { readonly url: string; readonly token: string; readonly text: string }[] = [];
  const queue = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const token = String(request.headers['x-auth-token'] ?? '');
      got.push({ url: String(request.url), token, text: Buffer.concat(chunks).toString() });
      response.writeHead(201, { 'content-type': 'application/json' }).end('{"resources": []}');
    });
  });
  await new Promise<void>((resolve) => {
    queue.listen(target.messaging.port, target.messaging.address, resolve);
  });
  t.teardown(() => queue.close());
  const environment = { event_sinks: [{ type: 'zaqar-queue', target: 'news', ttl: 120 }] };

  const path = await region.made('pushed', { template: VOLUME, environment });
  await until('four events are pushed', () => got.length >= 4);

  t.true(got.every(({ url }) => url === '/v2/queues/news/messages'));
  const events = got.flatMap(({ text }) => JSON.parse(text).messages as { readonly body: Pushed }[]);
  const told = events.map(({ body: { type, payload } }) => {
    t.is(type, 'os.heat.event');
    t.true(path.endsWith(payload.stack_id));
    return `${payload.resource_name} ${payload.resource_action} ${payload.resource_status}`;
  });
  t.deepEqual(told.slice(0, 4).sort(), [
    ...['pushed CREATE COMPLETE', 'pushed CREATE IN_PROGRESS'],
    ...['volume CREATE COMPLETE', 'volume CREATE IN_PROGRESS'],
  ]);
  const asked = await call(region.stacks, { token: got[0]?.token ?? '' });
  t.is(asked.status, 200);
  await region.removed(path);
};

interface Pushed {
  readonly type: string;
  readonly payload: Record<'stack_id' | 'resource_name' | 'resource_action' | 'resource_status', string>;
}
