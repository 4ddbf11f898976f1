// `npm start` from its first line to its last: prepares, starts phase by phase, waits for the end, and stops.
import type { Clock } from '@argosy/proto';
import type { LocalFederation as Endpoints } from '../cli/argosy-home.ts';
import { GatewayClient } from '../cli/gateway-client.ts';
import { openHttp } from '../cli/http.ts';
import type { Terminal } from '../cli/terminal.ts';
import type { FederationPlan } from './configurations.ts';
import { demoAccess, ensureDemo } from './demo-cluster.ts';
import { prepareEngine } from './engine.ts';
import { LocalFederation, newBootId } from './federation.ts';
import { enginesFolder, type HomePaths } from './home-paths.ts';
import {
  endpointUrl,
  keystoneUrl,
  layOut,
  neededEndpoints,
  networkOf,
  type RegionLayout,
  type RegionName,
} from './layout.ts';
import { removeNetwork } from './network/namespaces.ts';
import { prepareOpenStack } from './openstack.ts';
import { Phases } from './phases.ts';
import { checkPorts } from './port-check.ts';
import { endLastRun, type Preparation, prepare } from './preparation.ts';
import { summaryLines } from './summary.ts';

export interface RunOptions {
  readonly paths: HomePaths;
  readonly repository: string;
  readonly isFresh: boolean;
  readonly portBase: number;
  readonly requestsPerSecond: number | undefined;
  readonly openstack: readonly RegionName[] | undefined;
  readonly isNetworked: boolean;
  readonly translated: readonly RegionName[] | undefined;
  readonly uid: number;
  readonly temporary: string;
  readonly reservations: string;
  readonly environment: NodeJS.ProcessEnv;
  readonly terminal: Terminal;
  readonly clock: Clock;
  /** What its user, or a failing process, ends everything with: the reason is thrown. */
  readonly ending: AbortController;
  /** Aborted when its user does not want to wait for an orderly stop. */
  readonly impatience: AbortSignal;
}

/** Runs a federation until it is told to end. @throws the reason for which it ended. */
export async function runFederation(options: RunOptions): Promise<never> {
  const { terminal } = options;
  terminal.out('Argosy: three regions, three gateway peers, on this machine.');
  const preparation = await prepare({ ...options, say: (line) => terminal.out(line) });
  try {
    return await runPrepared(options, preparation);
  } finally {
    preparation.release();
  }
}

async function runPrepared(options: RunOptions, preparation: Preparation): Promise<never> {
  const { terminal, clock, ending, impatience } = options;
  await endLastRun(preparation.find, { clock, say: (line) => terminal.out(line) });
  const plan = makePlan(options, preparation);
  // What a run that was killed has left, with or without --netns this time.
  if (options.uid === 0) await removeNetwork(plan.settings.slot);
  await checkPorts(neededEndpoints(plan.regions, plan.settings.isNetworked));
  const federation = new LocalFederation({
    plan,
    preparation,
    clock,
    environment: options.environment,
    say: (line) => terminal.out(line),
    onFailure: (error) => ending.abort(error),
  });
  const kill = (): void => federation.kill();
  impatience.addEventListener('abort', kill, { once: true });
  try {
    await bringUp(options, plan, federation, preparation.barrier);
    await ended(ending.signal);
    throw ending.signal.reason;
  } catch (error) {
    // Whatever an interrupted phase complains of, the interruption is the reason.
    throw ending.signal.aborted ? ending.signal.reason : error;
  } finally {
    terminal.out('Stopping.');
    const killed = await federation.stop();
    if (killed.length > 0) terminal.out(`These did not end in time and were killed: ${killed.join(', ')}.`);
  }
}

async function bringUp(
  options: RunOptions,
  plan: FederationPlan,
  federation: LocalFederation,
  barrier: string | undefined,
): Promise<void> {
  const { terminal, clock, ending } = options;
  const { signal } = ending;
  const phases = new Phases(terminal, clock);
  const names = plan.regions.map((region) => region.name).join(', ');
  await phases.run('files', async () => {
    const issued = await federation.writeFiles();
    return `slot ${plan.settings.slot}, ${issued === 0 ? 'certificates are good' : `${issued} certificates issued`}`;
  });
  await phases.run('engine', (show) => {
    const directory = enginesFolder(plan.settings.dataFolder);
    return prepareEngine({ repository: plan.repository, directory, onProgress: show, signal });
  });
  await federation.openLifeline();
  await bringUpOptions(plan, federation, { phases, signal });
  await phases.run('microclouds', async () => {
    await federation.start('microcloud', signal);
    return names;
  });
  await phases.run('executors', async () => {
    await federation.start('executor', signal);
    return names;
  });
  await phases.run('gateway', async () => {
    await federation.start('gateway', signal);
    return `peers 1 to ${plan.regions.length}`;
  });

  const [north] = plan.regions;
  if (north === undefined) throw new Error('A federation has regions.');
  const http = await openHttp();
  const client = new GatewayClient({
    http,
    access: demoAccess(north, plan.settings.passwords.demo),
    federation: knownEndpoints(plan.regions),
  });
  let summary: string[] = [];
  await phases.run('demo', async (show) => {
    const demo = await ensureDemo({
      client,
      clock,
      terminal,
      show,
      signal,
      credentialsFolder: plan.paths.credentials,
      regionCount: plan.regions.length,
    });
    summary = summaryLines(plan, demo, barrier);
    return `${demo.status}, primary in ${demo.members.find((member) => member.role === 'primary')?.region ?? 'no region'}`;
  });
  terminal.out(`  ${'together'.padEnd(12)} ${''.padEnd(44)} ${phases.totalText().padStart(8)}`);
  for (const line of summary) terminal.out(line);
  terminal.out('argosy is ready');
}

/** What is there only when it is asked for. */
async function bringUpOptions(
  plan: FederationPlan,
  federation: LocalFederation,
  { phases, signal }: { readonly phases: Phases; readonly signal: AbortSignal },
): Promise<void> {
  const { network } = plan;
  if (network !== undefined) {
    await phases.run('network', async () => {
      await federation.openNetwork(network);
      return `${network.places.length} namespaces in ${network.cidr}`;
    });
  }
  const { openstack } = plan.settings;
  if (openstack.length > 0) {
    await phases.run('openstack', async (show) => {
      const versions = await prepareOpenStack({ repository: plan.repository, onProgress: show, signal });
      await federation.start('openstack', signal);
      return `${versions} in ${openstack.join(', ')}`;
    });
  }
}

/** Where to knock when a peer or a Keystone is away for a moment. */
function knownEndpoints(regions: readonly RegionLayout[]): Endpoints {
  return {
    peers: regions.map((region) => ({ id: region.number, rest: endpointUrl(region.rest) })),
    regions: regions.map((region) => ({ name: region.name, identity: keystoneUrl(region) })),
  };
}

function makePlan(options: RunOptions, preparation: Preparation): FederationPlan {
  const { settings, run, databaseUser } = preparation;
  return {
    paths: options.paths,
    settings,
    regions: layOut(settings.slot, options.portBase, settings.isNetworked),
    network: networkOf(settings.slot, settings.isNetworked, settings.translated),
    repository: options.repository,
    run,
    bootId: newBootId(),
    databaseUser: databaseUser?.name,
    requestsPerSecond: options.requestsPerSecond,
  };
}

function ended(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
