import test from 'ava';
import { allotAddress } from './addresses.ts';
import { bindParameters, creationOrder, readTemplate, resolve, TemplateError } from './hot.ts';
import { resourceTypes } from './resource-types.ts';
import { checkTree, readTree } from './stack-tree.ts';

const VERSION = { heat_template_version: '2021-04-16' };
const VOLUME = { type: 'OS::Cinder::Volume', properties: { size: 1 } };
const refuse = (name: string): TemplateError => new TemplateError(name);

test('the three functions give parameters, ids and parts of attributes', (t) => {
  const scope = {
    parameter: (name: string) => ({ list: [1, { deep: 'x' }] })[name],
    reference: (name: string) => `id of ${name}`,
    attribute: (name: string, attribute: string) => [{ ip_address: `${name} ${attribute}` }],
  };

  t.is(resolve({ get_param: ['list', 1, 'deep'] }, scope), 'x');
  t.is(resolve({ get_attr: ['port', 'fixed_ips', 0, 'ip_address'] }, scope), 'port fixed_ips');
  t.deepEqual(resolve({ a: [{ get_resource: 'r' }], b: 2 }, scope), { a: ['id of r'], b: 2 });
});

test('resources are made after those that they name', (t) => {
  const template = readTemplate({
    ...VERSION,
    resources: {
      attachment: {
        type: 'OS::Cinder::VolumeAttachment',
        properties: { volume_id: { get_resource: 'volume' }, instance_uuid: { get_attr: ['compute', 'server'] } },
      },
      compute: { ...VOLUME, depends_on: 'volume' },
      volume: VOLUME,
    },
  });

  t.deepEqual(creationOrder(template), ['volume', 'compute', 'attachment']);
});

test('what real Heat would not take, and what no template of ours uses, is refused', (t) => {
  const templates = {
    'a section': { ...VERSION, conditions: {} },
    'a version': { heat_template_version: '2099-01-01' },
    'a function': { ...VERSION, resources: { v: { ...VOLUME, properties: { size: { str_replace: {} } } } } },
    'a reference': { ...VERSION, resources: { v: { ...VOLUME, properties: { size: { get_attr: ['w', 'size'] } } } } },
    'a parameter': { ...VERSION, resources: { v: { ...VOLUME, properties: { size: { get_param: 'p' } } } } },
    'a circle': {
      ...VERSION,
      resources: { v: { ...VOLUME, depends_on: 'w' }, w: { ...VOLUME, depends_on: 'v' } },
    },
    'a type': { ...VERSION, resources: { v: { type: 'OS::Nova::Nothing' } } },
    text: 'just words',
  };
  for (const [what, template] of Object.entries(templates)) {
    t.throws(
      () => readTree({ template, environment: {}, files: {} }, resourceTypes),
      { instanceOf: TemplateError },
      what,
    );
  }
});

test('properties are checked through nested templates before anything is made', (t) => {
  const nested = JSON.stringify({ ...VERSION, parameters: { size: { type: 'number' } }, resources: { v: VOLUME } });
  const check = (properties: object): void => {
    const template = { ...VERSION, resources: { outer: { type: 'My::Volume', properties } } };
    const environment = { resource_registry: { 'My::Volume': 'volume.yaml' } };
    const tree = readTree({ template, environment, files: { 'volume.yaml': nested } }, resourceTypes);
    checkTree(tree, {}, () => undefined, resourceTypes);
  };

  t.notThrows(() => check({ size: 1 }));
  t.throws(() => check({}), { message: /Property size not assigned/ });
  t.throws(() => check({ size: 1, colour: 'red' }), { message: /Unknown Property colour/ });
});

test('a parameter without a value is missing, and a number is a number', (t) => {
  const template = readTemplate({
    ...VERSION,
    parameters: { size: { type: 'number' }, name: { type: 'string', default: 'x' } },
  });

  t.deepEqual(bindParameters(template, { size: '3' }, refuse), { size: 3, name: 'x' });
  t.like(
    t.throws(() => bindParameters(template, {}, refuse)),
    { type: 'UserParameterMissing' },
  );
  t.throws(() => bindParameters(template, { size: 'three' }, refuse));
  t.throws(() => bindParameters(template, { size: 1, other: 1 }, refuse));
});

test('an address is given to one port only, and a network ends', (t) => {
  const network = { cidr: '127.1.0.0/28', firstHost: '127.1.0.13' };

  t.is(allotAddress(network, new Set()), '127.1.0.13');
  t.is(allotAddress(network, new Set(['127.1.0.13'])), '127.1.0.14');
  t.is(allotAddress(network, new Set(['127.1.0.13', '127.1.0.14'])), undefined);
});
