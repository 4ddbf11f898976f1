import test from 'ava';
import { parse } from 'yaml';
import { readCloudAccess } from '../cli/cloud-config.ts';
import { cloudsYaml, openrc } from './cloud-files.ts';
import {
  executorConfiguration,
  type FederationPlan,
  gatewayConfiguration,
  microcloudConfiguration,
  openstackConfiguration,
} from './configurations.ts';
import { homePaths, lifelinePath, runFolder } from './home-paths.ts';
import { layOut, type RegionLayout } from './layout.ts';
import { drawSettings } from './settings.ts';

const regions = layOut(2, 9779);
const plan: FederationPlan = {
  paths: homePaths('/srv/me/.argosy'),
  settings: drawSettings(2, '/srv/me/.argosy'),
  regions,
  network: undefined,
  repository: '/repository',
  run: runFolder('/tmp', 1000, 2),
  bootId: 'boot',
  databaseUser: undefined,
  requestsPerSecond: undefined,
};

function region(index: number): RegionLayout {
  const found = regions[index];
  if (found === undefined) throw new Error('There is no such region.');
  return found;
}

test("a gateway peer asks its own region's Keystone first, and knows all peers and regions", (t) => {
  const south = gatewayConfiguration(plan, region(1)) as Record<string, never>;

  t.like(south, {
    peer: { id: 2, name: 'peer-2' },
    grpc: { address: '127.10.0.2', port: 8790 },
    rest: { address: '127.0.0.1', port: 9780 },
    keystones: [
      { name: 'south', url: 'http://127.10.0.4:8795/v3' },
      { name: 'north', url: 'http://127.9.0.4:8795/v3' },
      { name: 'west', url: 'http://127.11.0.4:8795/v3' },
    ],
    regions: [
      { name: 'north', executors: ['127.9.0.3:8792'] },
      { name: 'south', executors: ['127.10.0.3:8792'] },
      { name: 'west', executors: ['127.11.0.3:8792'] },
    ],
  });
});

test('projects of the three Keystones are linked by id, and each has ids of its own', (t) => {
  const { projectLinks } = gatewayConfiguration(plan, region(0)) as {
    projectLinks: { keystone: string; projectId: string }[][];
  };

  t.deepEqual(
    projectLinks.map((group) => group.map(({ keystone }) => keystone)),
    [
      ['north', 'south', 'west'],
      ['north', 'south', 'west'],
    ],
  );
  t.is(new Set(projectLinks.flat().map(({ projectId }) => projectId)).size, 6);
});

test('the executor logs in with the password that its microcloud knows', (t) => {
  const executor = executorConfiguration(plan, region(2)) as { openstack: { username: string; password: string } };
  const { users } = microcloudConfiguration(plan, region(2)) as { users: { name: string; password: string }[] };

  const user = users.find(({ name }) => name === executor.openstack.username);

  t.is(user?.password, executor.openstack.password);
});

test("only the region's own names and addresses are in a microcloud's configuration", (t) => {
  const text = JSON.stringify(microcloudConfiguration(plan, region(0)));

  t.false(text.includes('127.10.'));
  t.false(text.includes(plan.settings.regions.north.regionKey));
  t.true(text.includes('http://127.0.0.1:9779'));
});

test('a region with a real Heat is a cloud beneath it, with the same users and the same addresses', (t) => {
  const real = { ...plan, settings: { ...plan.settings, openstack: ['south' as const] } };
  const [cloud, openstack] = [microcloudConfiguration, openstackConfiguration].map(
    (configuration) => configuration(real, region(1)) as Record<string, unknown>,
  );

  t.like(cloud, { bind: { facesPort: 8797, keystoneUrl: 'http://127.10.0.4:8795/v3' } });
  t.deepEqual(openstack?.users, cloud?.users);
  t.like(openstack, { keystone: region(1).keystone, heat: region(1).heat });
  t.like(microcloudConfiguration(real, region(0)), { bind: { keystonePort: 8795 } });
});

test("clouds.yaml names every user at every region's Keystone", (t) => {
  const { clouds } = parse(cloudsYaml(regions, plan.settings)) as {
    clouds: Record<string, { auth: { auth_url: string } }>;
  };

  t.deepEqual(Object.keys(clouds).slice(0, 4), ['admin', 'demo', 'viewer', 'admin-south']);
  t.is(clouds['demo-west']?.auth.auth_url, 'http://127.11.0.4:8795/v3');
});

test('openrc sets what the command line reads', (t) => {
  const pairs = [...openrc(region(0), plan.settings).matchAll(/^export (OS_\w+)=(.*)$/gm)].map(([, key, value]) => [
    key,
    value,
  ]);

  const access = readCloudAccess({
    environment: { ...Object.fromEntries(pairs), OS_USERNAME: 'demo', OS_PASSWORD: 'x', OS_PROJECT_NAME: 'demo' },
    workingDirectory: '/nowhere',
    userFolder: '/nowhere',
    systemFolder: '/nowhere',
    home: undefined,
  });

  t.is(access.authUrl, 'http://127.9.0.4:8795/v3');
  t.is(access.regionName, 'north');
});

test('sockets stay short, also where the temporary folder is deep', (t) => {
  const deep = `/tmp/${'very-deep/'.repeat(10)}`;

  t.is(lifelinePath(runFolder('/tmp', 0, 0)), '/tmp/argosy-0-0/lifeline');
  t.is(runFolder(deep, 1000, 62), '/tmp/argosy-1000-62');
});
