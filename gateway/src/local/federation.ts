// A local federation's life: its processes are started in the order in which they need one another, watched, and stopped
// so that every database ends in order.
import { randomUUID } from 'node:crypto';
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type Clock, pause } from '@argosy/proto';
import { openHttp } from '../cli/http.ts';
import {
  ensureCertificates,
  executorName,
  gatewayName,
  microcloudName,
  openstackName,
  processFolder,
} from './certificates.ts';
import { Children, type ChildSpec } from './children.ts';
import { cloudsYaml, openrc } from './cloud-files.ts';
import {
  executorConfiguration,
  type FederationPlan,
  gatewayConfiguration,
  isOpenStack,
  microcloudConfiguration,
  openstackConfiguration,
  regionKeyFile,
  regionRunFolder,
} from './configurations.ts';
import { type DisasterServer, serveDisasters } from './disaster-server.ts';
import { StartError } from './errors.ts';
import { writeFederationFile } from './federation-file.ts';
import {
  emptyOwnFolder,
  ensureFolder,
  PASSAGE_FOLDER,
  PRIVATE_FOLDER,
  SECRET_FILE,
  writeJson,
  writeWhole,
} from './folders.ts';
import { disastersPath, lifelinePath, networkControlPath } from './home-paths.ts';
import { killAll, waitForEnd } from './last-run.ts';
import { type Endpoint, endpointUrl, type RegionLayout } from './layout.ts';
import { type Lifeline, openLifeline } from './lifeline-server.ts';
import { logFile, rotateLog, tailOf } from './logs.ts';
import { gatewayPlace, type NetworkLayout } from './network/blocks.ts';
import { within } from './network/commands.ts';
import { LocalNetwork } from './network/network.ts';
import { OPENSTACK_SCRIPT } from './openstack.ts';
import { isListeningAt } from './port-check.ts';
import { LIFELINE_VARIABLE, MEMBERS_END_LIMIT_MS, type Preparation } from './preparation.ts';
import { findProcess, isAlive, type ProcessRef } from './process-table.ts';
import { waitFor } from './waiting.ts';

const PROCESS_LIMIT_MS = 30_000;
/** Keystone and Heat load for long on a busy machine. */
const OPENSTACK_LIMIT_MS = 150_000;
const PROBE_TIMEOUT_MS = 1_000;
const GATEWAYS_END_LIMIT_MS = 2_000;
const SHOWN_LOG_LINES = 12;
const CLEAN_ENVIRONMENT = /^(OS_|npm_|ARGOSY_)/;

export interface LocalFederationOptions {
  readonly plan: FederationPlan;
  readonly preparation: Preparation;
  readonly clock: Clock;
  readonly environment: NodeJS.ProcessEnv;
  readonly say: (line: string) => void;
  /** A process cannot be kept running. */
  readonly onFailure: (error: StartError) => void;
}

/** The kinds of process of a region. `openstack`, a real Keystone and a real Heat, is in some only. */
type ProcessKind = 'openstack' | 'microcloud' | 'executor' | 'gateway';

export class LocalFederation {
  readonly #options: LocalFederationOptions;
  readonly #children: Children;
  #lifeline: Lifeline | undefined;
  #disasters: DisasterServer | undefined;
  #network: LocalNetwork | undefined;

  constructor(options: LocalFederationOptions) {
    const { plan, clock, environment, say, onFailure } = options;
    this.#options = options;
    const kept = Object.entries(environment).filter(([name]) => !CLEAN_ENVIRONMENT.test(name));
    this.#children = new Children({
      clock,
      environment: { ...Object.fromEntries(kept), [LIFELINE_VARIABLE]: lifelinePath(plan.run) },
      onStarted: () => this.#writeFederationFile(),
      onEnded: (name, how, againInMs) => say(`  ${name} ended (${how}); it is started again in ${againInMs} ms.`),
      onGivenUp: (spec, how) => onFailure(givenUp(spec, how)),
    });
  }

  /** Writes what processes and users read before anything runs. Returns how many certificates were issued. */
  async writeFiles(): Promise<number> {
    const { plan, clock } = this.#options;
    const { paths, settings, regions } = plan;
    const { federation } = settings;
    const issued = await ensureCertificates(paths, { federation, regions, now: clock.now() });
    for (const region of regions) {
      ensureFolder(processFolder(paths, microcloudName(region)), PRIVATE_FOLDER);
      ensureFolder(join(paths.regions, region.name), PRIVATE_FOLDER);
      if (isOpenStack(plan, region)) {
        ensureFolder(processFolder(paths, openstackName(region)), PRIVATE_FOLDER);
        writeJson(this.#configFile(openstackName(region)), openstackConfiguration(plan, region), SECRET_FILE);
      }
      writeWhole(regionKeyFile(paths, region), `${settings.regions[region.name].regionKey}\n`, SECRET_FILE);
      writeJson(this.#configFile(microcloudName(region)), microcloudConfiguration(plan, region), SECRET_FILE);
      writeJson(this.#configFile(executorName(region)), executorConfiguration(plan, region), SECRET_FILE);
      writeJson(this.#configFile(gatewayName(region)), gatewayConfiguration(plan, region), SECRET_FILE);
    }
    writeWhole(paths.clouds, cloudsYaml(regions, settings), SECRET_FILE);
    const first = regions[0];
    if (first !== undefined) writeWhole(paths.openrc, openrc(first, settings), SECRET_FILE);
    return issued;
  }

  async openLifeline(): Promise<void> {
    const { plan, clock, say } = this.#options;
    const { run, regions } = plan;
    emptyOwnFolder(run, PASSAGE_FOLDER);
    for (const region of regions) ensureFolder(regionRunFolder(run, region), PASSAGE_FOLDER);
    this.#lifeline = await openLifeline(lifelinePath(run));
    this.#disasters = await serveDisasters({
      ...{ path: disastersPath(run), children: this.#children, clock, say },
      namesOf: (name, kind) => {
        const region = regions.find((known) => known.name === name);
        return region === undefined ? [] : DISASTER_NAMES[kind](region);
      },
    });
  }

  /** Makes a network for each region and each gateway peer. @throws StartError */
  async openNetwork(layout: NetworkLayout): Promise<void> {
    const { plan, clock, say } = this.#options;
    this.#network = await LocalNetwork.open({
      ...{ layout, clock, regions: plan.regions, repository: plan.repository },
      control: networkControlPath(plan.run),
      onFailure: (error) => say(`  The network could not be healed: ${String(error)}`),
    });
  }

  /** Starts this kind in every region that has it, and waits until each serves. @throws StartError */
  async start(kind: ProcessKind, signal: AbortSignal): Promise<void> {
    const { plan } = this.#options;
    const regions = plan.regions.filter((region) => kind !== 'openstack' || isOpenStack(plan, region));
    for (const region of regions) this.#children.start(this.#childSpec(kind, region));
    for (const region of regions) await this.#waitUntilServing(kind, region, signal);
  }

  /** Stops everything, databases in order. Returns the pids of those that had to be killed. */
  async stop(): Promise<number[]> {
    const { clock, plan } = this.#options;
    this.#disasters?.close();
    this.#children.stopRestarting();
    // The gateway first: it must not take what follows for a disaster.
    this.#children.signal('SIGTERM', (name) => name.startsWith('gateway'));
    await this.#gatewaysEnded();
    this.#lifeline?.cut();
    const killed = await waitForEnd({ clock, find: () => this.#find(), limitMs: MEMBERS_END_LIMIT_MS });
    await this.#network?.close();
    rmSync(plan.paths.federation, { force: true });
    rmSync(plan.run, { recursive: true, force: true });
    return killed;
  }

  /** Ends everything at once. Databases recover from it at the next start. */
  kill(): void {
    this.#children.stopRestarting();
    killAll(this.#find());
  }

  #find(): ProcessRef[] {
    const found = [...this.#options.preparation.find(), ...this.#children.alive()].filter(isAlive);
    return [...new Map(found.map((ref) => [ref.pid, ref])).values()];
  }

  async #gatewaysEnded(): Promise<void> {
    const { clock, plan } = this.#options;
    const pids = plan.regions.map((region) => this.#children.pidOf(gatewayName(region)));
    const end = clock.monotonicMs() + GATEWAYS_END_LIMIT_MS;
    while (pids.some((pid) => pid !== undefined && findProcess(pid) !== undefined) && clock.monotonicMs() < end) {
      await pause(clock, 50);
    }
  }

  async #waitUntilServing(kind: ProcessKind, region: RegionLayout, signal: AbortSignal): Promise<void> {
    const { clock, plan } = this.#options;
    const spec = this.#childSpec(kind, region);
    const http = await openHttp();
    const limitMs = kind === 'openstack' ? OPENSTACK_LIMIT_MS : PROCESS_LIMIT_MS;
    for (const { endpoint, path } of health(kind, region, isOpenStack(plan, region))) {
      const url = `${endpointUrl(endpoint)}${path}`;
      // Keystone and Heat are children of the process that we know.
      const isOurs = (pid: number): boolean => kind === 'openstack' || isListeningAt(pid, endpoint);
      const explain = (): string =>
        [`${spec.name} does not serve at ${url}. Its log is ${spec.logFile}:`, ...lastLines(spec.logFile)].join('\n');
      await waitFor({ clock, limitMs, signal, explain }, async () => {
        try {
          const answer = await http({ method: 'GET', url, timeoutMs: PROBE_TIMEOUT_MS });
          const pid = this.#children.pidOf(spec.name);
          return answer.status === 200 && pid !== undefined && isOurs(pid) ? answer : undefined;
        } catch {
          return undefined;
        }
      });
    }
  }

  #childSpec(kind: ProcessKind, region: RegionLayout): ChildSpec {
    const { paths, repository } = this.#options.plan;
    const names = {
      openstack: openstackName,
      microcloud: microcloudName,
      executor: executorName,
      gateway: gatewayName,
    };
    const name = names[kind](region);
    const script = join(repository, SCRIPTS[kind]);
    if (!existsSync(script)) throw new StartError(`${script} is missing; run "npm run build".`);
    const log = logFile(paths.logs, name);
    if (this.#children.pidOf(name) === undefined) rotateLog(log);
    const command = ['--enable-source-maps', script, '--config', this.#configFile(name)];
    return { name, command, prefix: this.#prefix(kind, region), logFile: log };
  }

  /** What runs a process in its own network. */
  #prefix(kind: ProcessKind, region: RegionLayout): readonly string[] {
    const name = kind === 'gateway' ? gatewayPlace(region.number) : region.name;
    const place = this.#options.plan.network?.places.find((known) => known.name === name);
    return place === undefined ? [] : within(place.namespace, []);
  }

  #configFile(name: string): string {
    return join(processFolder(this.#options.plan.paths, name), 'config.json');
  }

  #writeFederationFile(): void {
    const { paths, settings, regions, run, network } = this.#options.plan;
    writeFederationFile({
      path: paths.federation,
      federation: settings.federation,
      slot: settings.slot,
      regions,
      authority: paths.authority,
      pidOf: (name) => this.#children.pidOf(name),
      network: network && { control: networkControlPath(run), layout: network },
    });
  }
}

/** A name for this life of the whole machine. */
export function newBootId(): string {
  return randomUUID();
}

const SCRIPTS: Readonly<Record<ProcessKind, string>> = {
  openstack: OPENSTACK_SCRIPT,
  microcloud: 'regions/dist/microcloud/main.js',
  executor: 'regions/dist/executor/main.js',
  gateway: 'gateway/dist/main.js',
};

/** What a drill may kill of a region. */
const DISASTER_NAMES: Readonly<Record<'gateway' | 'executor' | 'cloud', (region: RegionLayout) => string[]>> = {
  gateway: (region) => [gatewayName(region)],
  executor: (region) => [executorName(region)],
  cloud: (region) => [microcloudName(region), openstackName(region)],
};

interface Health {
  readonly endpoint: Endpoint;
  readonly path: string;
}

/** Where one sees that a process serves. */
function health(kind: ProcessKind, region: RegionLayout, isUnderHeat: boolean): readonly Health[] {
  const { keystone, heat, cloud, admin, restListen } = region;
  switch (kind) {
    case 'openstack':
      return [
        { endpoint: keystone, path: '/v3' },
        { endpoint: heat, path: '/healthcheck' },
      ];
    case 'microcloud':
      return [isUnderHeat ? { endpoint: cloud, path: '/' } : { endpoint: keystone, path: '/v3' }];
    case 'executor':
      return [{ endpoint: admin, path: '/healthz' }];
    case 'gateway':
      return [{ endpoint: restListen, path: '/readyz' }];
  }
}

function givenUp(spec: ChildSpec, how: string): StartError {
  const lines = [`${spec.name} keeps failing (${how}). Its log is ${spec.logFile}:`, ...lastLines(spec.logFile)];
  return new StartError(lines.join('\n'));
}

function lastLines(file: string): string[] {
  return tailOf(file, SHOWN_LOG_LINES).map((line) => `    ${line}`);
}
