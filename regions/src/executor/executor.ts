// Wires an executor: Heat below, agents beside, gRPC and the admin API above. It keeps nothing on disk.
import { readFileSync } from 'node:fs';
import { type Clock, type RegionPeer, type RegionReport, serverName } from '@argosy/proto';
import type { Logger } from 'pino';
import { type Heat, HeatClient } from '../openstack/heat.ts';
import { createHttp } from '../openstack/http.ts';
import { Keystone } from '../openstack/keystone.ts';
import { serveAdmin } from './admin-api.ts';
import { type AgentLinks, TlsAgentLinks } from './agent-links.ts';
import { Auditor } from './audit.ts';
import { Capacity } from './capacity.ts';
import type { ExecutorSecrets, ExecutorSettings } from './config.ts';
import { serveGrpc } from './grpc-server.ts';
import { Members } from './members.ts';
import { countedFetch, Metrics } from './metrics.ts';
import { OwnCertificate } from './own-certificate.ts';
import { StackNews, servePushedEvents } from './pushed-events.ts';
import { RegionCheck } from './region-check.ts';
import { RegionWatch } from './region-watch.ts';
import { renewCertificates } from './renewal.ts';
import { RoundTrips } from './round-trips.ts';
import { ServerGroups } from './server-groups.ts';
import { createService } from './service.ts';
import { stackChange } from './stack-change.ts';
import { StackProgress } from './stack-progress.ts';
import { readTemplates, stackRequest } from './stack-request.ts';

const MS_PER_SECOND = 1_000;

export interface Executor {
  readonly grpcPort: number;
  readonly adminPort: number;
  close(): Promise<void>;
}

export async function startExecutor(
  config: ExecutorSettings,
  secrets: ExecutorSecrets,
  world: { readonly clock: Clock; readonly log: Logger },
): Promise<Executor> {
  const { clock, log } = world;
  const { federation } = config;
  const metrics = new Metrics();
  const { http, keystone } = openKeystone(config, secrets, { metrics, clock });
  const heat = new HeatClient(keystone);
  const own = await ownCertificate(config, secrets, world);
  const links = new TlsAgentLinks(own.current());
  const measured = config.peers.map(({ address, ...peer }) => ({ ...peer, addresses: [address] }));
  const roundTrips = new RoundTrips(measured, {
    ...{ clock, own: own.current, everyMs: config.measureEverySeconds * MS_PER_SECOND },
    serverName: (name) => serverName({ kind: 'executor', federation, region: name }),
  });
  const news = new StackNews();
  const around = { heat, links, clock, log, metrics, roundTrips, news };
  const { enroller, watch, capacity, auditor, members, report, service } = assembleRegion(config, secrets, around);
  const grpc = await serveGrpc(service, { federation, own: own.current(), ...config.grpc });
  const check = new RegionCheck(config, { heat, clock, log });
  const admin = await serveAdmin(
    { federation, keystone, heat, watch, capacity, auditor, metrics, clock, log, report, check },
    config.admin,
  );
  const events =
    config.events === undefined ? undefined : await servePushedEvents({ news, metrics, log }, config.events);
  own.onRenewal((renewed) => {
    links.renew(renewed);
    grpc.renew(renewed);
  });
  const checkEveryMs = config.renewalCheckSeconds * MS_PER_SECOND;
  const ending = new AbortController();
  const loops = [
    roundTrips.run(ending.signal),
    watch.run(),
    check.run(ending.signal),
    renewCertificates({ enroller, own, watch, log, checkEveryMs }, ending.signal),
  ];

  return {
    grpcPort: grpc.port,
    adminPort: admin.port,
    close: async () => {
      ending.abort();
      members.close();
      watch.close();
      grpc.close();
      await Promise.allSettled([admin.close(), events?.close(), http.close(), ...loops]);
      links.close();
    },
  };
}

/** What an executor calls, and by what time. */
export interface RegionSurroundings {
  readonly heat: Heat;
  readonly links: AgentLinks;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly roundTrips: Pick<RoundTrips, 'measured'> & Partial<Pick<RoundTrips, 'tell'>>;
  /** Of stacks, where Heat tells of them by itself. */
  readonly news?: StackNews;
}

/** The executor without its ports: what it does in the region, and the service by which it is told to. */
export function assembleRegion(
  config: ExecutorSettings,
  secrets: Pick<ExecutorSecrets, 'own' | 'intermediate' | 'regionKey'>,
  around: RegionSurroundings,
) {
  const { heat, links, clock, log, metrics, roundTrips, news = new StackNews() } = around;
  const { federation, region, translations, memberCertificateDays } = config;
  const { intermediate, regionKey } = secrets;
  const enroller = { links, intermediate, regionKey, clock, memberCertificateDays };
  const templates = readTemplates();

  const watch: RegionWatch = new RegionWatch({
    ...{ federation, region, translations, heat, links, clock, log, pollMs: config.stackPollMs },
    isAwaited: (memberId) => members.isAwaited(memberId),
  });
  const capacity = new Capacity(config.zones, watch);
  const limits = {
    heatSilenceMs: config.heatSilenceSeconds * MS_PER_SECOND,
    stuckAfterMs: config.stuckAfterSeconds * MS_PER_SECOND,
  };
  const progress = new StackProgress({ heat, clock, log, news, ...limits });
  const members: Members = new Members({
    ...{ federation, region, translations, heat, enroller, clock, log, news, ...limits },
    groups: new ServerGroups({ federation, heat, progress, template: templates.apart }),
    request: (spec, group) => stackRequest(spec, { config, templates, root: secrets.own.root, regionKey }, group),
    change: (stack, spec) => stackChange(stack, spec, config),
    reserve: (spec) => capacity.reserve(spec),
    changed: () => watch.kick(),
  });
  const report = (): RegionReport => describeRegion(config, { watch, capacity, roundTrips });
  const server = { image: config.image, network: config.network, flavor: config.flavors[0]?.openstackFlavor ?? '' };
  const auditor = new Auditor({ federation, heat, watch, clock, log, server });
  const told = (peers: readonly RegionPeer[]): void => roundTrips.tell?.(peers);
  const service = createService({
    ...{ config, members, auditor, watch, heat, links, clock, log, metrics, report, told },
  });
  return { enroller, watch, capacity, members, auditor, report, service };
}

/** The session with Keystone, and the connections that it and Heat are asked by, counted. */
function openKeystone(
  config: ExecutorSettings,
  { openstack }: ExecutorSecrets,
  { metrics, clock }: { readonly metrics: Metrics; readonly clock: Clock },
) {
  const { account, caFile } = openstack;
  const ca = caFile === undefined ? undefined : readFileSync(caFile, 'utf8');
  const http = createHttp(config.openstack.requestTimeoutMs, ca);
  const fetch = countedFetch(http.fetch, metrics, (url) => (url.startsWith(account.authUrl) ? 'keystone' : 'heat'));
  return { http, keystone: new Keystone(account, fetch, clock) };
}

/** The executor's certificate, made anew already when it has ended while nothing ran. */
async function ownCertificate(
  config: ExecutorSettings,
  secrets: ExecutorSecrets,
  world: { readonly clock: Clock; readonly log: Logger },
): Promise<OwnCertificate> {
  const { federation, region, executorCertificateDays: days } = config;
  const identity = { kind: 'executor', federation, region } as const;
  const { intermediate } = secrets;
  const own = new OwnCertificate(secrets.own, { intermediate, identity, days, files: config, ...world });
  await own.renewIfDue();
  return own;
}

/** What the region tells of itself. Before Heat has been heard nothing is known to be free. */
function describeRegion(
  config: ExecutorSettings,
  seen: {
    readonly watch: RegionWatch;
    readonly capacity: Capacity;
    readonly roundTrips: Pick<RoundTrips, 'measured'>;
  },
): RegionReport {
  const { region, provider, jurisdiction, zones, flavors } = config;
  const { watch, capacity, roundTrips } = seen;
  return {
    ...{ region, provider, jurisdiction },
    zones: watch.hasListed() ? capacity.free() : zones.map(({ name }) => ({ name, freeMembers: 0 })),
    flavors: flavors.map(({ name, vcpus, memoryMib, costMilli }) => ({ name, vcpus, memoryMib, costMilli })),
    roundTrips: roundTrips.measured(),
    heatFailure: watch.heatFailure(),
  };
}
