// A separate OpenStack deployment beside a federation under test: its own Keystone and Heat, and a cloud beneath whose
// servers run our image. What its administrator has made before Argosy comes is there: a network, an image, flavors.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { FourthBlock, MICROCLOUD } from '../regions/fourth-block.ts';
import { startOpenStack } from './deployment.ts';
import { CACHE, cloudCatalog } from './targets.ts';

const PORTS = { keystone: 8795, heat: 8796, faces: 8797 } as const;
/** The catalog's name for it, which is not the federation's. */
const REGION = 'RegionOne';
const ADMIN = { name: 'admin', password: 'the region has its own', project: 'admin' };
const PROJECT = { id: 'c'.repeat(32), name: ADMIN.project };

export interface SeparateRegion {
  readonly keystoneUrl: string;
  /** The variables of its administrator, as the stock client reads them. */
  readonly administrator: NodeJS.ProcessEnv;
  /** An address of its own block. */
  at(host: number): string;
  close(): Promise<void>;
}

/** @throws OpenStackUnavailable; nothing runs then. */
export async function startSeparateRegion(home: string, zones: readonly string[]): Promise<SeparateRegion> {
  const block = new FourthBlock(home);
  const at = (host: number): string => `${block.prefix}.${host}`;
  const address = at(4);
  const keystoneUrl = `http://${address}:${PORTS.keystone}`;
  const directory = join(home, 'regions', 'openstack-east');
  const deployment = await startOpenStack(
    {
      ...{ region: REGION, directory, cacheDirectory: CACHE },
      keystone: { address, port: PORTS.keystone },
      heat: { address, port: PORTS.heat },
      projects: [PROJECT],
      users: [{ ...ADMIN, roles: ['admin', 'member', 'reader'] }],
      catalog: cloudCatalog(PORTS.faces, address),
    },
    { isRoot: process.getuid?.() === 0, progress: () => {} },
  );
  const close = async (): Promise<void> => {
    block.end();
    await deployment.stop();
    rmSync(directory, { recursive: true, force: true });
  };
  try {
    const bind = { address, facesPort: PORTS.faces, keystoneUrl };
    const config = block.microcloud({ bind, zones: zones.map((name) => ({ name })) });
    await block.start(MICROCLOUD, 'microcloud', { config, healthUrl: `http://${address}:${PORTS.faces}/` });
  } catch (error) {
    await close();
    throw error;
  }
  return {
    keystoneUrl,
    at,
    close,
    administrator: {
      OS_AUTH_URL: `${keystoneUrl}/v3`,
      ...{ OS_REGION_NAME: REGION, OS_IDENTITY_API_VERSION: '3' },
      ...{ OS_USERNAME: ADMIN.name, OS_PASSWORD: ADMIN.password, OS_PROJECT_NAME: ADMIN.project },
      ...{ OS_USER_DOMAIN_NAME: 'Default', OS_PROJECT_DOMAIN_NAME: 'Default' },
    },
  };
}
