// What the contract of a region is held against: microcloud, and a real Keystone and a real Heat with microcloud as the
// cloud beneath. Their servers are processes: one that does nothing, or a guest with an agent and no database.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { waitUntil } from '../crash-matrix/waiting.ts';
import { freePorts } from '../free-ports.ts';
import { type CloudProcess, startCloud } from './cloud-process.ts';
import type { OpenStackConfig } from './config.ts';
import { type OpenStack, startOpenStack } from './deployment.ts';
import { ADDRESS, MAX_STACKS, newNetwork, PROJECTS, REGION, USERS } from './region-under-test.ts';

const NEW_TOKEN_MS = 20_000;

export const TARGETS = ['microcloud', 'openstack'] as const;
export type TargetName = (typeof TARGETS)[number];

/** Of what every deployment begins with. */
export const CACHE = join(tmpdir(), `argosy-openstack-${userInfo().uid}`);
const SERVER_FILES = ['servers', 'ports', 'volumes', 'groups', 'belongings'];

/** What a test may do to the cloud's hosts. */
export interface CloudFaults {
  readonly zone_stalled?: readonly string[];
  readonly zone_full?: readonly string[];
  readonly server_quota?: number;
  readonly server_answers?: 'ok' | 'hang';
}

export interface Target {
  readonly name: TargetName;
  readonly keystoneUrl: string;
  /** Where Heat listens: `address:port`. */
  readonly heat: string;
  /** Where the catalog says that queues are: nobody listens there until a test does. */
  readonly messaging: { readonly address: string; readonly port: number };
  /** What the cloud still has of servers, ports and volumes, by kind. */
  leftOvers(): readonly string[];
  /** The cloud's servers as it keeps them. */
  servers(): readonly ServerRecord[];
  /** What has been done to servers, ports and volumes since `from`, a former answer's length: the sentences of its log. */
  acts(from?: number): readonly string[];
  faults(wanted: CloudFaults): Promise<void>;
  /** Ends every token that the executor's user has. */
  expireTokens(): Promise<void>;
  /** Kills the engine as a crash would, and starts it again. */
  crashEngine(): Promise<void>;
  /** The engine takes requests and answers none, until it is let go on. */
  freezeEngine(): void;
  thawEngine(): void;
  close(): Promise<void>;
}

export interface ServerRecord {
  readonly id: string;
  readonly name: string;
  readonly status: string;
  readonly flavor: string;
  readonly group?: string;
  readonly portId: string;
  readonly process: { readonly pid: number } | null;
}

/** Starts a target on free ports. What a failure has started is ended. */
export async function openTarget(name: TargetName): Promise<Target> {
  const directory = mkdtempSync(join(tmpdir(), 'argosy-contract-'));
  const first = await freePorts(4);
  const [keystone, heat, faces, messaging] = [first, first + 1, first + 2, first + 3];
  const url = (port: number): string => `http://${ADDRESS}:${port}`;
  const catalog = [{ type: 'messaging', name: 'zaqar', url: url(messaging) }];
  const bind =
    name === 'microcloud'
      ? { address: ADDRESS, keystonePort: keystone, heatPort: heat }
      : { address: ADDRESS, facesPort: faces, keystoneUrl: url(keystone) };
  const [healthUrl, faultsUrl] =
    name === 'microcloud' ? [`${url(keystone)}/v3`, `${url(heat)}/faults`] : [`${url(faces)}/`, `${url(faces)}/faults`];

  const closing: (() => Promise<void>)[] = [];
  const close = async (): Promise<void> => {
    for (const end of closing.reverse()) await end();
    rmSync(directory, { recursive: true, force: true });
  };
  let cloud: CloudProcess;
  let deployment: OpenStack | undefined;
  const network = newNetwork();
  const openCloud = (): Promise<CloudProcess> => startCloud({ directory, bind, catalog, healthUrl, network });
  try {
    if (name === 'openstack') {
      deployment = await openDeployment(directory, { keystone, heat, faces, catalog });
      closing.push(deployment.stop);
    }
    cloud = await openCloud();
    closing.push(() => cloud.stop());
  } catch (error) {
    await close();
    throw error;
  }
  const tell = async (wanted: object): Promise<void> => {
    const answer = await fetch(faultsUrl, { method: 'PUT', body: JSON.stringify(wanted) });
    if (answer.status !== 200) throw new Error(`Faults were answered ${answer.status}: ${await answer.text()}`);
  };
  return {
    name,
    keystoneUrl: url(keystone),
    heat: `${ADDRESS}:${heat}`,
    messaging: { address: ADDRESS, port: messaging },
    leftOvers: () => SERVER_FILES.flatMap((kind) => namesOf(directory, kind).map((file) => `${kind}/${file}`)),
    servers: () =>
      namesOf(directory, 'servers').map(
        (file) => JSON.parse(readFileSync(join(directory, 'cloud/servers', file), 'utf8')) as ServerRecord,
      ),
    acts: (from = 0) => actsOf(join(directory, 'microcloud.log')).slice(from),
    faults: tell,
    expireTokens: async () => {
      if (deployment === undefined) await tell({ expire_tokens: true });
      else await endTokens(url(keystone));
    },
    crashEngine: async () => {
      if (deployment !== undefined) return deployment.crashHeat();
      await cloud.crash();
      cloud = await openCloud();
    },
    freezeEngine: () => (deployment === undefined ? cloud.signal('SIGSTOP') : deployment.freezeHeat()),
    thawEngine: () => (deployment === undefined ? cloud.signal('SIGCONT') : deployment.thawHeat()),
    close,
  };
}

interface Ports {
  readonly keystone: number;
  readonly heat: number;
  readonly faces: number;
  readonly catalog: readonly { readonly type: string; readonly name: string; readonly url: string }[];
}

function openDeployment(directory: string, { keystone, heat, faces, catalog }: Ports): Promise<OpenStack> {
  return startOpenStack(
    {
      region: REGION,
      directory: join(directory, 'openstack'),
      cacheDirectory: CACHE,
      keystone: { address: ADDRESS, port: keystone },
      heat: { address: ADDRESS, port: heat },
      projects: PROJECTS,
      users: USERS,
      maxStacks: MAX_STACKS,
      stackAdopt: true,
      catalog: [...cloudCatalog(faces), ...catalog],
    },
    { isRoot: process.getuid?.() === 0, progress: () => {} },
  );
}

/** What the catalog names of the cloud whose faces are at this port. */
export function cloudCatalog(facesPort: number): NonNullable<OpenStackConfig['catalog']> {
  const cloud = `http://${ADDRESS}:${facesPort}`;
  return [
    { type: 'compute', name: 'nova', url: `${cloud}/compute/v2.1` },
    { type: 'network', name: 'neutron', url: `${cloud}/network` },
    { type: 'container', name: 'zun', url: `${cloud}/container/v1` },
    { type: 'image', name: 'glance', url: `${cloud}/image` },
    { type: 'volumev3', name: 'cinderv3', url: `${cloud}/volume/v3/%(project_id)s` },
  ];
}

/** Keystone ends the tokens of a user whose password is changed, also to the one that it was. */
async function endTokens(keystoneUrl: string): Promise<void> {
  const user = USERS.find(({ name }) => name === 'argosy');
  const domain = { id: 'default' };
  const signIn = (name: string, password: string, project: string) =>
    fetch(`${keystoneUrl}/v3/auth/tokens`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        auth: {
          identity: { methods: ['password'], password: { user: { name, password, domain } } },
          scope: { project: { name: project, domain } },
        },
      }),
    });
  const own = (await (await signIn('argosy', user?.password ?? '', 'service')).json()) as {
    token: { user: { id: string } };
  };
  const token = (await signIn('admin', 'admin', 'service')).headers.get('x-subject-token') ?? '';
  const answer = await fetch(`${keystoneUrl}/v3/users/${own.token.user.id}`, {
    method: 'PATCH',
    headers: { 'content-type': 'application/json', 'x-auth-token': token },
    body: JSON.stringify({ user: { password: user?.password } }),
  });
  if (answer.status !== 200) throw new Error(`Changing the password was answered ${answer.status}.`);
  // Keystone counts in seconds: a token of the same one is ended with the others.
  await waitUntil('a new token is good', NEW_TOKEN_MS, async () => {
    const token = (await signIn('argosy', user?.password ?? '', 'service')).headers.get('x-subject-token') ?? '';
    const headers = { 'x-auth-token': token, 'x-subject-token': token };
    return (await fetch(`${keystoneUrl}/v3/auth/tokens`, { headers })).status === 200;
  });
}

function namesOf(directory: string, kind: string): string[] {
  try {
    // Beside them what is being written, or was when its writer was killed.
    return readdirSync(join(directory, 'cloud', kind)).filter((file) => file.endsWith('.json'));
  } catch {
    // Nothing of this kind was ever made.
    return [];
  }
}

const ACT = /^(server|port|volume) is /;

function actsOf(logFile: string): string[] {
  const lines = readFileSync(logFile, 'utf8').split('\n');
  return lines.flatMap((line) => {
    if (!line.startsWith('{')) return [];
    const { msg } = JSON.parse(line) as { msg?: string };
    return msg !== undefined && ACT.test(msg) ? [msg] : [];
  });
}
