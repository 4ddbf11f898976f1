// Two regions behind one Keystone, each with its own Heat and its own cloud: an executor of the one never reaches into
// the other. One signs in by an application credential, which this Keystone lets make trusts.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { freePorts } from '../free-ports.ts';
import { startCloud } from './cloud-process.ts';
import { startOpenStack } from './deployment.ts';
import { memberSpec, passwordAccount, REQUEST_LIMIT_MS, startExecutor } from './executor-process.ts';
import { RegionClient } from './region-client.ts';
import { ADDRESS, newNetwork, PROJECTS, REGION, USERS } from './region-under-test.ts';
import { CACHE, cloudCatalog } from './targets.ts';

const OTHER_REGION = 'south';

export async function regionsBehindOneKeystone(t: ExecutionContext): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'argosy-shared-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  const first = await freePorts(5);
  const [keystone, heats, faces] = [first, [first + 1, first + 2] as const, [first + 3, first + 4] as const];
  const keystoneUrl = `http://${ADDRESS}:${keystone}`;
  const deployment = await startOpenStack(
    {
      ...{ region: REGION, directory: join(directory, 'openstack'), cacheDirectory: CACHE },
      keystone: { address: ADDRESS, port: keystone },
      heat: { address: ADDRESS, port: heats[0] },
      ...{ projects: PROJECTS, users: USERS, catalog: cloudCatalog(faces[0]), applicationTrusts: true },
      others: [{ region: OTHER_REGION, heat: { address: ADDRESS, port: heats[1] }, catalog: cloudCatalog(faces[1]) }],
    },
    { isRoot: process.getuid?.() === 0, progress: () => {} },
  );
  t.teardown(() => deployment.stop());
  for (const [index, region] of [REGION, OTHER_REGION].entries()) {
    const port = faces[index] ?? 0;
    const cloud = await startCloud({
      ...{ directory: join(directory, region), region, catalog: [], network: newNetwork() },
      bind: { address: ADDRESS, facesPort: port, keystoneUrl },
      healthUrl: `http://${ADDRESS}:${port}/`,
    });
    t.teardown(() => cloud.stop());
  }
  const [north, south] = await Promise.all(
    [REGION, OTHER_REGION].map((region) => RegionClient.signIn({ keystoneUrl }, undefined, region)),
  );
  if (north === undefined || south === undefined) throw new Error('unreachable');

  const { id, secret } = await north.applicationCredential('executor');
  const { authUrl } = passwordAccount({ keystoneUrl });
  const credential = {
    ...{ authUrl, region: REGION, applicationCredentialId: id, applicationCredentialSecret: secret },
    requestTimeoutMs: REQUEST_LIMIT_MS,
  };
  const inNorth = await startExecutor({ keystoneUrl }, { openstack: credential });
  t.teardown(() => inNorth.stop());
  const openstack = { ...passwordAccount({ keystoneUrl }), region: OTHER_REGION };
  const inSouth = await startExecutor({ keystoneUrl }, { region: OTHER_REGION, openstack });
  t.teardown(() => inSouth.stop());

  t.is((await inNorth.ensure(memberSpec('n1-1'))).peer?.memberId, 'n1-1');
  t.is((await inSouth.ensure(memberSpec('s1-1'))).peer?.memberId, 's1-1');
  const names = async (client: RegionClient): Promise<string[]> =>
    (await client.ask('')).body.stacks.map((stack: { stack_name: string }) => stack.stack_name);
  t.deepEqual([await names(north), await names(south)], [['argosy-test-n1-1'], ['argosy-test-s1-1']]);
  for (const client of [north, south]) t.is((await client.belongings()).servers?.length, 1);
  t.false(inNorth.connections().includes(`${ADDRESS}:${heats[1]}`));
  t.false(inSouth.connections().includes(`${ADDRESS}:${heats[0]}`));
  t.false(await inNorth.remove('s1-1'));
  t.true(await inNorth.remove('n1-1'));
  t.true(await inSouth.remove('s1-1'));
  t.deepEqual([await north.belongings(), await south.belongings()], [{}, {}]);
}
