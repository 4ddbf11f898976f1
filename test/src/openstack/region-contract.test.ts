// What the executor relies on of a region, case by case against microcloud and against a real Keystone and a real Heat.
// Where the two differ, microcloud is wrong. `npm test` asks microcloud only; `npm run test:openstack` asks both.
import { readFileSync } from 'node:fs';
import test, { type ExecutionContext } from 'ava';
import { call, RegionClient } from './region-client.ts';
import { openTarget, TARGETS, type Target } from './targets.ts';

const asked = (process.env.ARGOSY_REGION_TARGETS ?? 'microcloud').split(',');

interface Case {
  readonly target: Target;
  readonly region: RegionClient;
}

const cases: Record<string, (t: ExecutionContext, given: Case) => Promise<void>> = {};

const VOLUME = {
  heat_template_version: '2021-04-16',
  parameters: {
    secret: { type: 'string', hidden: true, default: 'x' },
    size: { type: 'number', default: 1 },
  },
  resources: { volume: { type: 'OS::Cinder::Volume', properties: { size: { get_param: 'size' } } } },
  outputs: { volume: { value: { get_resource: 'volume' } }, size: { value: { get_attr: ['volume', 'size'] } } },
};

/** A member's stack, from the very templates that the executor sends. */
function memberContent(changes: object = {}): object {
  const read = (name: string): string =>
    readFileSync(new URL(`../../../regions/templates/${name}`, import.meta.url), 'utf8');
  const [compute, network] = ['compute-nova.yaml', 'network-routed.yaml'];
  return {
    template: read('member.yaml').replace(/^ *volume_type: \{get_param: volume_type\}\n/m, ''),
    files: { [compute]: read(compute), [network]: read(network) },
    environment: {
      resource_registry: { 'Argosy::Member::Compute': compute, 'Argosy::Member::Network': network },
    },
    parameters: {
      ...{ member_id: 'c1-1', cluster_id: 'c1', kind: 'voter', datastore: 'postgresql', version: '15' },
      ...{ availability_zone: 'north-a', image: 'member', flavor: 'm1.small', network_name: 'members' },
      ...{ volume_size: 1, user_data: 'nothing', agent_port: 8791, datastore_port: 5432, rules: [] },
      ...changes,
    },
  };
}

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
  const kept = await region.ask('/named');
  t.is(kept.status, 302);
  t.is((await region.create('named', { template: VOLUME })).status, 409);
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

cases['what is wrong inside a nested template is found while the stack is made'] = async (t, { target, region }) => {
  const path = await region.made('nested', memberContent({ flavor: 'm1.huge' }));

  const { stack_status: status, stack_status_reason: reason } = await region.shown(path);
  t.is(status, 'CREATE_FAILED');
  t.regex(reason, /^Resource CREATE failed: StackValidationFailed: resources\.compute: Property error: .*m1\.huge/);
  t.is((await region.removed(path)).stack_status, 'DELETE_COMPLETE');
  t.deepEqual(target.leftOvers(), []);
};

cases['a zone that is not there fails the server with the words of Nova'] = async (t, { region }) => {
  const path = await region.made('nowhere', memberContent({ availability_zone: 'nowhere' }));

  const { stack_status: status, stack_status_reason: reason } = await region.shown(path);
  t.is(status, 'CREATE_FAILED');
  t.regex(reason, /^Resource CREATE failed: BadRequest: resources\.compute\.resources\.server: .*availability zone/);
  await region.removed(path);
};

cases['an update keeps what it is not given, and says what it cannot do'] = async (t, { region }) => {
  const port = { type: 'OS::Neutron::Port', properties: { network: 'members' } };
  const template = { ...VOLUME, resources: { ...VOLUME.resources, port } };
  const path = await region.made('updated', { template, parameters: { secret: 'kept' } });
  const patch = (body: object) => ({ method: 'PATCH', body: { existing: true, ...body } });

  const before = await region.lastEvent(path);
  const accepted = await region.ask(path, patch({ parameters: { size: 2 } }));
  t.is(accepted.status, 202);
  t.regex(accepted.headers.get('content-type') ?? '', /html/);
  t.is((await region.settledSince(path, before)).stack_status, 'UPDATE_COMPLETE');
  const grown = await region.changed(path, patch({ parameters: { size: 3 } }));
  t.is(grown.stack_status, 'UPDATE_COMPLETE');
  t.is(grown.parameters.size, '3');
  t.is(grown.parameters.secret, '******');
  const size = grown.outputs.find((output: { output_key: string }) => output.output_key === 'size');
  t.is(Number(size.output_value), 3);

  const shrunk = await region.changed(path, patch({ parameters: { size: 2 } }));
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

cases["a member's stack is made, resized, checked and leaves nothing"] = async (t, { target, region }) => {
  const path = await region.made('member', memberContent());
  const patch = (parameters: object) => ({ method: 'PATCH', body: { existing: true, parameters } });
  const outputs = (stack: { outputs: { output_key: string; output_value: unknown }[] }): Record<string, unknown> =>
    Object.fromEntries(stack.outputs.map((output) => [output.output_key, output.output_value]));

  const stack = await region.shown(path);
  t.is(stack.stack_status, 'CREATE_COMPLETE', stack.stack_status_reason);
  const made = outputs(stack);
  t.regex(String(made.address), /^127\.149\.1\.\d+$/);
  const grown = await region.changed(path, patch({ volume_size: 2, flavor: 'm1.large' }));
  t.is(grown.stack_status, 'UPDATE_COMPLETE', grown.stack_status_reason);
  t.deepEqual({ ...outputs(grown), volume_gib: Number(outputs(grown).volume_gib) }, { ...made, volume_gib: 2 });

  const before = await region.lastEvent(path);
  t.is((await region.ask(`${path}/actions`, { method: 'POST', body: { check: null } })).status, 200);
  t.is((await region.settledSince(path, before)).stack_status, 'CHECK_COMPLETE');
  t.is((await region.removed(path)).stack_status, 'DELETE_COMPLETE');
  t.deepEqual(target.leftOvers(), []);
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

for (const name of TARGETS.filter((target) => asked.includes(target))) {
  let given: Case | undefined;
  test.serial.before(`${name} is brought up`, async (t) => {
    t.timeout(240_000);
    const target = await openTarget(name);
    given = { target, region: await RegionClient.signIn(target) };
  });
  test.after.always(`${name} is taken down`, () => given?.target.close());
  for (const [title, run] of Object.entries(cases)) {
    test.serial(`${name}: ${title}`, async (t) => {
      t.timeout(240_000);
      if (given === undefined) throw new Error(`${name} is not up.`);
      await run(t, given);
    });
  }
}
