// What is relied on of a member's stack: how it is made, changed, found broken, made anew around its volume, and cleared.
import { type Cases, until } from './cases.ts';
import { memberContent, outputsOf, patch } from './contents.ts';
import { MEMBER_ADDRESS } from './region-under-test.ts';

export const memberCases: Cases = {};
const cases = memberCases;

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

cases["a member's stack is made, checked and leaves nothing; others beside it have addresses of their own"] = async (
  t,
  { target, region },
) => {
  const names = ['member-1', 'member-2'];
  const begun = await Promise.all(names.map((name) => region.create(name, memberContent())));
  const paths = begun.map(({ body }, index) => `/${names[index]}/${body.stack.id}`);
  const stacks = await Promise.all(paths.map((path) => region.settled(path)));

  for (const stack of stacks) t.is(stack.stack_status, 'CREATE_COMPLETE', stack.stack_status_reason);
  const { resources } = (await region.ask(`${paths[0]}/resources?nested_depth=5`)).body;
  const found = resources.map((one: { resource_name: string }) => one.resource_name);
  t.deepEqual(found.sort(), ['attachment', 'compute', 'network', 'port', 'security_group', 'server', 'volume']);
  const port = resources.find((one: { resource_name: string }) => one.resource_name === 'port');
  const self = port.links.find(({ rel }: { rel: string }) => rel === 'self').href;
  const { attributes } = (await region.ask(self.slice(self.indexOf('/stacks') + '/stacks'.length))).body.resource;
  t.is(attributes.device_id, outputsOf(stacks[0]).server);
  const addresses = stacks.map((stack) => String(outputsOf(stack).address));
  for (const address of addresses) t.regex(address, MEMBER_ADDRESS);
  t.is(new Set(addresses).size, 2);
  const [path = ''] = paths;
  t.is((await region.checked(path)).stack_status, 'CHECK_COMPLETE');
  for (const gone of await Promise.all(paths.map((one) => region.removed(one)))) {
    t.is(gone.stack_status, 'DELETE_COMPLETE');
  }
  t.deepEqual(target.leftOvers(), []);
};

cases['a larger flavor restarts the server; a larger volume is taken from it, extended, and given back'] = async (
  t,
  { target, region },
) => {
  const path = await region.made('resized', memberContent());
  const made = outputsOf(await region.shown(path));
  const before = target.acts().length;

  const larger = await region.changed(path, patch({ flavor: 'm1.large' }));
  t.is(larger.stack_status, 'UPDATE_COMPLETE', larger.stack_status_reason);
  t.is(target.servers()[0]?.flavor, 'm1.large');
  t.deepEqual(target.acts(before), []);
  const grown = await region.changed(path, patch({ volume_size: 2 }));
  t.is(grown.stack_status, 'UPDATE_COMPLETE', grown.stack_status_reason);
  t.deepEqual({ ...outputsOf(grown), volume_gib: Number(outputsOf(grown).volume_gib) }, { ...made, volume_gib: 2 });
  t.deepEqual(target.acts(before), ['volume is detached', 'volume is extended', 'volume is attached']);

  const same = target.acts().length;
  t.is((await region.changed(path, patch({}))).stack_status, 'UPDATE_COMPLETE');
  t.deepEqual(target.acts(same), []);
  await region.removed(path);
  t.deepEqual(target.leftOvers(), []);
};

cases['a server that a check finds dead is replaced by the next update, around its port and its volume'] = async (
  t,
  { target, region },
) => {
  const path = await region.made('dead', memberContent());
  const made = outputsOf(await region.shown(path));
  const [old] = target.servers();
  process.kill(old?.process?.pid ?? 0, 'SIGKILL');
  await until('the cloud sees that the server is off', () => target.servers()[0]?.status === 'SHUTOFF');

  const found = await region.checked(path);
  t.is(found.stack_status, 'CHECK_FAILED');
  t.regex(found.stack_status_reason, /expected \W*ACTIVE\W*, got \W*SHUTOFF/);
  const before = target.acts().length;
  const healed = await region.changed(path, patch({}));

  t.is(healed.stack_status, 'UPDATE_COMPLETE', healed.stack_status_reason);
  const servers = target.servers();
  t.is(servers.length, 1);
  t.not(servers[0]?.id, old?.id);
  t.is(servers[0]?.portId, old?.portId);
  t.deepEqual(outputsOf(healed), { ...made, server: servers[0]?.id });
  t.deepEqual(target.acts(before), [
    'port is taken from the server',
    'server is made',
    'volume is detached',
    'volume is attached',
    'server is deleted',
  ]);
  await region.removed(path);
  t.deepEqual(target.leftOvers(), []);
};

cases['a full quota of servers fails the stack with the words of Nova'] = async (t, { target, region }) => {
  await target.faults({ server_quota: 0 });
  const path = await region.made('quota', memberContent());
  await target.faults({});

  const { stack_status: status, stack_status_reason: reason } = await region.shown(path);
  t.is(status, 'CREATE_FAILED');
  t.regex(
    reason,
    /^Resource CREATE failed: Forbidden: resources\.compute\.resources\.server: Quota exceeded for instances/,
  );
  await region.removed(path);
  t.deepEqual(target.leftOvers(), []);
};

cases['a member may be a server, a container or a node, with an address of its own or a floating one'] = async (
  t,
  { target, region },
) => {
  for (const compute of ['server', 'container', 'baremetal'] as const) {
    for (const network of ['routed', 'floating'] as const) {
      const body = { stack_name: 'previewed', disable_rollback: true, ...memberContent({}, { compute, network }) };
      const answer = await region.ask('/preview', { method: 'POST', body });
      t.is(answer.status, 200, `${compute} ${network}: ${JSON.stringify(answer.body)}`);
    }
  }
  t.deepEqual(target.leftOvers(), []);
};
