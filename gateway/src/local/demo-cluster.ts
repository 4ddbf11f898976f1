// The cluster `demo`, which every local federation has: made at the first start, waited for at each later one.
import { connect } from 'node:net';
import type { Clock } from '@argosy/proto';
import type { CloudAccess } from '../cli/cloud-config.ts';
import { storeCredentials } from '../cli/credentials.ts';
import { ApiError, CommandError } from '../cli/errors.ts';
import { assertDone, followOperation } from '../cli/follow.ts';
import type { GatewayClient } from '../cli/gateway-client.ts';
import { newClusterBody } from '../cli/new-cluster.ts';
import { type Cluster, changeAnswer, clusterAnswer, regionsAnswer } from '../cli/resources.ts';
import type { Terminal } from '../cli/terminal.ts';
import { demoDatastore } from './demo-datastore.ts';
import { StartError } from './errors.ts';
import { keystoneUrl, type RegionLayout } from './layout.ts';
import type { ShowProgress } from './phases.ts';
import { waitFor } from './waiting.ts';

export const DEMO_NAME = 'demo';
const NOT_FOUND = 404;
const REGIONS_LIMIT_MS = 30_000;
const BUILD_LIMIT_SECONDS = 120;
const RETURN_LIMIT_MS = 60_000;
const CONNECT_LIMIT_MS = 1_000;

export interface DemoOptions {
  readonly client: GatewayClient;
  readonly clock: Clock;
  readonly terminal: Terminal;
  readonly show: ShowProgress;
  readonly signal: AbortSignal;
  readonly credentialsFolder: string;
  readonly regionCount: number;
}

/** How the user `demo` logs in. */
export function demoAccess(region: RegionLayout, password: string): CloudAccess {
  const domain = { name: 'Default' };
  return {
    authUrl: keystoneUrl(region),
    identity: { method: 'password', user: { name: 'demo' }, domain, password },
    scope: { name: 'demo', domain },
    interface: 'public',
    isVerified: true,
  };
}

/** Makes the cluster, or waits until the one that is there is whole. @throws StartError */
export async function ensureDemo(options: DemoOptions): Promise<Cluster> {
  await waitForRegions(options);
  const found = await findDemo(options.client);
  if (found?.status === 'DELETING') await waitUntilGone(options);
  if (found === undefined || found.status === 'DELETING') return createDemo(options);
  // The last run ended while the cluster was being built; that goes on where it was.
  if (found.status === 'BUILD' && found.operation_id) await followBuild(found.operation_id, options);
  return waitForReturn(options);
}

/** A cluster is placed among the regions that have spoken: with one missing, it could not survive the loss of one. */
async function waitForRegions({ client, clock, signal, show, regionCount }: DemoOptions): Promise<void> {
  let up: string[] = [];
  const explain = (): string => `Only these regions are up: ${up.join(', ') || 'none'}.`;
  await waitFor({ clock, limitMs: REGIONS_LIMIT_MS, signal, explain }, async () => {
    const { regions } = await client.get('/v2/regions', regionsAnswer);
    up = regions.filter((region) => region.status === 'UP').map((region) => region.name);
    show(`regions that are up: ${up.join(', ') || 'none yet'}`);
    return up.length >= regionCount ? up : undefined;
  });
}

async function createDemo(options: DemoOptions): Promise<Cluster> {
  const { client } = options;
  const body = newClusterBody(DEMO_NAME, { datastore: demoDatastore().name, voters: 3, survive: 'region' });
  const { cluster, operation, credentials } = await client.post('/v2/clusters', body, changeAnswer);
  if (cluster === undefined || operation === undefined) throw new StartError('The gateway did not say what it makes.');
  if (credentials !== undefined) storeCredentials(options.credentialsFolder, cluster.id, credentials);
  await followBuild(operation.id, options);
  return waitForReturn(options);
}

async function followBuild(operationId: string, options: DemoOptions): Promise<void> {
  const { client, clock, show, signal, terminal } = options;
  // The phase has a line of its own above the steps.
  const block: Terminal = { ...terminal, redraw: (lines) => show('being built', ...lines) };
  const timeoutSeconds = BUILD_LIMIT_SECONDS;
  assertDone(await followOperation(operationId, { client, clock, terminal: block, timeoutSeconds, signal }));
}

/** The last run ended while the cluster was being removed; its removal goes on. */
async function waitUntilGone({ client, clock, show, signal }: DemoOptions): Promise<void> {
  const explain = (): string => `Cluster ${DEMO_NAME} is still being removed.`;
  show('the last one is being removed');
  await waitFor({ clock, limitMs: RETURN_LIMIT_MS, signal, explain }, async () =>
    (await findDemo(client)) === undefined ? true : undefined,
  );
}

async function waitForReturn({ client, clock, show, signal }: DemoOptions): Promise<Cluster> {
  let last: Cluster | undefined;
  const explain = (): string =>
    `Cluster ${DEMO_NAME} is not ACTIVE again: ${last === undefined ? 'unknown' : stateText(last)}.`;
  return waitFor({ clock, limitMs: RETURN_LIMIT_MS, signal, explain }, async () => {
    last = await findDemo(client);
    if (last === undefined) throw new CommandError(`Cluster ${DEMO_NAME} has disappeared.`);
    show(stateText(last));
    if (last.status === 'ERROR') {
      throw new StartError(`Cluster ${DEMO_NAME} is in ERROR; "npm start -- --fresh" begins anew.`);
    }
    // The gateway's facts may still be those of the last run, until its leader has heard every member in this one.
    const isHeard = last.members.every((member) => typeof member.observed_at === 'string');
    if (last.status !== 'ACTIVE' || !isHeard) return undefined;
    const answers = await Promise.all(last.members.map((member) => accepts(member.address, member.port)));
    return answers.every(Boolean) ? last : undefined;
  });
}

async function findDemo(client: GatewayClient): Promise<Cluster | undefined> {
  try {
    return (await client.get(`/v2/clusters/${DEMO_NAME}`, clusterAnswer)).cluster;
  } catch (error) {
    if (error instanceof ApiError && error.status === NOT_FOUND) return undefined;
    throw error;
  }
}

function stateText(cluster: Cluster): string {
  const members = cluster.members.map((member) => `${member.zone ?? member.region} ${member.status}`);
  return [cluster.status, ...members].join(', ');
}

function accepts(address: string | null | undefined, port: number | null | undefined): Promise<boolean> {
  if (!address || !port) return Promise.resolve(false);
  return new Promise((resolve) => {
    const socket = connect({ host: address, port, timeout: CONNECT_LIMIT_MS });
    const end = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', () => end(true));
    socket.once('timeout', () => end(false));
    socket.once('error', () => end(false));
  });
}
