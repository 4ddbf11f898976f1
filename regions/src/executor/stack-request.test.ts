import test from 'ava';
import { parse } from 'yaml';
import { resourceTypes } from '../microcloud/resource-types.ts';
import { readTree } from '../microcloud/stack-tree.ts';
import { FEDERATION, REGION, spec } from '../testing/region.ts';
import { executorConfig } from './config.ts';
import { questions } from './region-check.ts';
import { memberOfStack, readTemplates, stackName, stackRequest } from './stack-request.ts';

const files = {
  ...{ certificateFile: 'c', keyFile: 'k', rootFile: 'r' },
  ...{ intermediateCertificateFile: 'i', intermediateKeyFile: 'ik', regionKeyFile: 'rk' },
};
const config = executorConfig.parse({
  ...files,
  ...{ federation: FEDERATION, region: REGION, provider: 'p', jurisdiction: 'EU' },
  ...{ grpc: { address: '127.0.0.1', port: 0 }, admin: { address: '127.0.0.1', port: 0 } },
  openstack: { authUrl: 'http://127.0.0.1:5000', region: REGION, username: 'u', password: 'p', projectName: 'service' },
  ...{ image: 'member', network: 'members', zones: [{ name: 'north-a', capacity: 1 }] },
  flavors: [{ name: 'small', openstackFlavor: 'm1.small', vcpus: 1, memoryMib: 512 }],
});
const region = { config, templates: readTemplates(), root: 'ROOT', regionKey: 'secret' };

test('the same wish gives the same request, named after the member', (t) => {
  const first = stackRequest(spec('c1-1'), region);

  t.deepEqual(stackRequest(spec('c1-1'), region), first);
  t.is(first.name, 'argosy-test-c1-1');
  t.deepEqual(first.tags, ['argosy-test', 'c1', 'compute-server']);
  t.is(memberOfStack(FEDERATION, stackName(FEDERATION, 'c1-1')), 'c1-1');
  t.is(memberOfStack(FEDERATION, 'argosy-other-c1-1'), undefined);
});

test('the guest is told who it is and whom to obey, and no secret of the region', (t) => {
  const { parameters } = stackRequest(spec('c1-1'), region);
  const told = JSON.parse(String(parameters.user_data)) as Record<string, unknown>;

  t.like(told, { member_id: 'c1-1', cluster_id: 'c1', kind: 'voter', datastore_port: 5432, root_certificate: 'ROOT' });
  t.is(told.executor, 'spiffe://test/north/executor');
  t.regex(String(told.enrolment_token), /^[0-9a-f]{64}$/);
  t.false(String(parameters.user_data).includes('secret'));
});

test('a volume type is asked for only where the region names one', (t) => {
  const volumeOf = (template: unknown): object =>
    (template as { resources: { volume: { properties: object } } }).resources.volume.properties;

  t.false('volume_type' in volumeOf(stackRequest(spec('c1-1'), region).template));
  const typed = stackRequest(spec('c1-1'), { ...region, config: { ...config, volumeType: 'fast' } });
  t.deepEqual(volumeOf(typed.template), { ...volumeOf(typed.template), volume_type: { get_param: 'volume_type' } });
  t.is(typed.parameters.volume_type, 'fast');
});

test('what the region is asked for at the start is each of the things that the configuration names', (t) => {
  const subjects = (changes: Partial<typeof config>): string[] =>
    questions({ ...config, ...changes }).map(({ subject }) => subject);

  t.deepEqual(subjects({}), ['network members', 'flavor small (m1.small) with image member']);
  t.deepEqual(subjects({ floatingNetwork: 'public', volumeType: 'fast' }), [
    ...['network members', 'floatingNetwork public', 'volumeType fast', 'flavor small (m1.small) with image member'],
  ]);
  t.deepEqual(subjects({ compute: 'container' }), ['network members', 'containers']);
});

test('members and executors are admitted to agent and database, clients to the database', (t) => {
  const narrow = { ...config, peerCidrs: ['10.0.0.0/8'], clientCidrs: ['10.0.0.0/8', 'fd00::/8'] };
  const rules = (given: typeof config) =>
    (stackRequest(spec('c1-1'), { ...region, config: given }).parameters.rules as Record<string, unknown>[]).map(
      (rule) => `${rule.ethertype} ${rule.port_range_min} ${rule.remote_ip_prefix}`,
    );

  t.deepEqual(rules(config), ['IPv4 8791 0.0.0.0/0', 'IPv4 5432 0.0.0.0/0', 'IPv4 6432 0.0.0.0/0']);
  t.deepEqual(rules(narrow), [
    ...['IPv4 8791 10.0.0.0/8', 'IPv4 5432 10.0.0.0/8', 'IPv4 6432 10.0.0.0/8'],
    ...['IPv6 5432 fd00::/8', 'IPv6 6432 fd00::/8'],
  ]);
});

test('what a member runs on, and how it is reached, are files of the same template; no more are sent', (t) => {
  const sent = (changes: Partial<typeof config>): string[] => {
    const request = stackRequest(spec('c1-1'), { ...region, config: { ...config, ...changes } });
    readTree(request, resourceTypes);
    return Object.keys(request.files);
  };

  t.deepEqual(sent({}), ['compute-nova.yaml', 'network-routed.yaml']);
  t.deepEqual(sent({ compute: 'container', floatingNetwork: 'public' }), [
    'compute-container.yaml',
    'network-floating.yaml',
  ]);
  t.deepEqual(sent({ compute: 'baremetal' }), ['compute-baremetal.yaml', 'network-routed.yaml']);
});

test('the common template names nothing that only one kind of compute has', (t) => {
  const { resources } = stackRequest(spec('c1-1'), region).template as { resources: Record<string, { type: string }> };

  for (const { type } of Object.values(resources)) t.true(type.startsWith('Argosy::'), type);
});

test('a member that no host may have two of is told its group', (t) => {
  const hints = (group?: string): unknown => stackRequest(spec('c1-1'), region, group).parameters.hints;

  t.is(hints(), undefined);
  t.deepEqual(hints('g'), { group: 'g' });
});

test('every template is whole: what it names is sent along, and each parameter has a value or a default', (t) => {
  const request = stackRequest(spec('c1-1'), region);
  const { order } = readTree(request, resourceTypes);
  const { parameters } = request.template as { parameters: Record<string, { default?: unknown }> };

  t.deepEqual([...order].sort(), ['compute', 'network', 'volume']);
  for (const [name, { default: value }] of Object.entries(parameters)) {
    t.true(name in request.parameters || value !== undefined, name);
  }
  for (const text of Object.values(request.files))
    t.is((parse(text) as Record<string, unknown>).heat_template_version, '2021-04-16');
});
