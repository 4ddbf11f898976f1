// A gateway peer: the REST server, the replicated state, and, while it leads, the leadership. Everything is handed in;
// `main.ts` alone reads the environment.
import { randomBytes, randomUUID } from 'node:crypto';
import type { Server as HttpServer } from 'node:http';
import { datastores } from '@argosy/datastores';
import {
  accessControl,
  type Clock,
  type Credentials,
  callerIdentity,
  channelCredentials,
  channelOptions,
  type HeardMember,
  type MeasuredWay,
  PeerServiceService,
  serverCredentials,
  serverName,
} from '@argosy/proto';
import { addIntrospection, INTROSPECTION_METHODS } from '@argosy/proto/introspection';
import * as grpc from '@grpc/grpc-js';
import { GrpcTransport, NoLeaderError, systemClock as raftClock } from 'raft-ts';
import { disastersAt } from './conductor/disasters.ts';
import { RegionLink } from './conductor/region-link.ts';
import type { GatewayConfig } from './config.ts';
import { GrpcServer } from './grpc/server.ts';
import type { LeadershipOptions } from './leadership.ts';
import { Forwarding, peerService } from './peers/forwarding.ts';
import { Replica } from './replica.ts';
import { auditRoute } from './rest/audit.ts';
import { Callers, type LinkedProjects } from './rest/callers.ts';
import { drillSwitchover } from './rest/cluster-changes.ts';
import { type Heard, NOTHING_HEARD } from './rest/cluster-view.ts';
import { type ClustersOptions, clusterRoutes } from './rest/clusters.ts';
import { createConnections } from './rest/connections.ts';
import { databaseRoutes } from './rest/databases.ts';
import { datastoreRoutes } from './rest/datastores.ts';
import { drillRoutes, scheduledRun } from './rest/drills.ts';
import { ApiError } from './rest/errors.ts';
import { Events } from './rest/events.ts';
import { Metrics } from './rest/metrics.ts';
import { openPages, type Readiness } from './rest/open-pages.ts';
import { operationRoutes } from './rest/operations.ts';
import { projectLinkRoutes } from './rest/project-links.ts';
import { Quotas } from './rest/quotas.ts';
import { errorOfRaft } from './rest/raft-errors.ts';
import { RateLimit } from './rest/rate-limit.ts';
import { referencePages } from './rest/reference-page.ts';
import { regionRoutes } from './rest/regions.ts';
import type { Route, RouteRequest, RouteResponse } from './rest/route.ts';
import { createServer } from './rest/server.ts';
import { userRoutes } from './rest/users.ts';
import type { Entry } from './state/entries.ts';

const READ_TIMEOUT_MS = 5_000;
/** How long a write waits for an election to end. */
const LEADER_WAIT_MS = 5_000;
const LEADER_POLL_MS = 50;

export interface PeerOptions {
  readonly config: GatewayConfig;
  readonly credentials: Credentials;
  readonly clock: Clock;
  readonly log: (event: { readonly message: string; readonly [field: string]: unknown }) => void;
  /** The peer can no longer keep its word: the process must end. */
  readonly onFatal: (error: Error) => void;
}

export class GatewayPeer {
  readonly #options: PeerOptions;
  readonly #forwarding: Forwarding;
  readonly #routes: readonly Route[];
  readonly #events: Events;
  readonly #metrics: Metrics;
  readonly #replica: Replica;
  #grpc: grpc.Server | undefined;
  #clients: GrpcServer | undefined;
  #http: HttpServer | undefined;

  private constructor(options: PeerOptions) {
    const { config, credentials, clock } = options;
    this.#options = options;
    const peers = config.peers.filter(({ id }) => id !== config.peer.id);
    this.#forwarding = new Forwarding({ federation: config.federation, peers, credentials, clock });
    this.#replica = new Replica({
      applied: (entry) => this.#applied(entry),
      restored: () => this.#tellHealth(),
      status: () => this.#tellHealth(),
    });
    const { federation } = this.#replica;
    this.#events = new Events(federation, clock);
    this.#metrics = new Metrics({
      federation,
      watchers: () => this.#events.watchers(),
      raft: () => this.#replica.raft?.metrics() ?? [],
    });
    const { projects, ...limits } = config.quotas;
    const quotas = new Quotas({ federation, limits, projects });
    const changes: ClustersOptions = {
      federation,
      datastores,
      quotas,
      propose: (entry) => this.#replica.propose(entry),
      sites: (flavor) => this.#replica.leadership?.sites(flavor) ?? [],
      network: () => this.#replica.leadership?.network(),
      witnesses: (cluster) => this.#replica.leadership?.witnesses(cluster) ?? new Map(),
      hear: (clusterIds) => this.#hear(clusterIds),
      newId: randomUUID,
      randomBytes,
    };
    this.#routes = [
      ...clusterRoutes(changes),
      ...userRoutes(changes),
      ...databaseRoutes(changes),
      ...operationRoutes({ federation, propose: (entry) => this.#replica.propose(entry) }),
      ...regionRoutes({
        federation,
        propose: (entry) => this.#replica.propose(entry),
        ways: () => this.#ways(),
      }),
      auditRoute({
        federation,
        audit: async (region, remove) => this.#replica.leadership?.audit(region, remove),
        catchUp: () => this.#catchUp(),
      }),
      ...drillRoutes({
        ...{ federation, propose: (entry) => this.#replica.propose(entry), newId: randomUUID },
        ...{ canKill: config.drills.control !== undefined, canCut: config.networkControl !== undefined },
        ...{ wideDrills: config.drills.wide, now: () => clock.now() },
      }),
      ...projectLinkRoutes({
        ...{ federation, propose: (entry) => this.#replica.propose(entry), newId: randomUUID },
        keystones: () => [...config.keystones, ...federation.joinedKeystones()].map(({ name }) => name),
      }),
      ...datastoreRoutes(datastores),
      ...this.#events.routes(),
      ...quotas.routes(),
    ];
  }

  /** Opens the log, joins the other peers and serves. @throws Error when a port or the log cannot be opened. */
  static async open(options: PeerOptions): Promise<GatewayPeer> {
    const peer = new GatewayPeer(options);
    try {
      await peer.#start();
      return peer;
    } catch (error) {
      await peer.close();
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.#replica.handOver();
    this.#events.close();
    this.#http?.close();
    await this.#clients?.close();
    this.#http?.closeAllConnections();
    this.#grpc?.forceShutdown();
    this.#forwarding.close();
    await this.#replica.close();
  }

  async #start(): Promise<void> {
    const { config, credentials, clock, log, onFatal } = this.#options;
    const transport = new GrpcTransport({
      credentials: channelCredentials(credentials),
      authorize: (call, from) => {
        const caller = callerIdentity(call);
        return caller?.kind === 'gateway' && caller.peer === config.peers.find(({ id }) => id === from)?.name;
      },
    });
    await this.#serveGrpc(transport);
    await this.#replica.open({
      raft: {
        id: config.peer.id,
        peers: config.peers.map(({ id, name, address }) => ({
          id,
          address,
          channelOptions: channelOptions(
            serverName({ kind: 'gateway', federation: config.federation, peer: name }),
          ) as Record<string, string | number>,
        })),
        directory: config.dataDirectory,
        // After a recovery nobody founds anything: empty peers among themselves would be a federation without clusters.
        ...(config.clusterId === undefined ? {} : { clusterId: config.clusterId, voters: [] }),
        clock: raftClock,
        random: Math.random,
        transport,
      },
      leadership: {
        regions: config.regions,
        link: ({ name: region, executors }) =>
          new RegionLink({ federation: config.federation, region, executors, credentials, clock }),
        newId: randomUUID,
        drills: this.#drills(),
      },
      clock,
      log,
      onFatal,
    });
    await this.#serveClients();
    log({ message: 'peer serves', rest: config.rest, grpc: config.grpc, client_grpc: config.clientGrpc });
  }

  #applied(entry: Entry): void {
    if (entry.kind === 'step.failed' && this.#replica.leadership !== undefined)
      this.#metrics.stepFailed(entry.stepId.split('/')[0] ?? '', entry.failureClass);
    this.#events.applied();
    if (entry.kind === 'region.observed') this.#tellHealth();
  }

  /** What the leader's drills need beside members. */
  #drills(): NonNullable<LeadershipOptions['drills']> {
    const { config, clock } = this.#options;
    const { federation } = this.#replica;
    const { control } = config.drills;
    const now = (): Date => clock.now();
    return {
      disasters: control === undefined ? undefined : disastersAt(control, config.networkControl),
      switchOver: (drill, cluster, to) => drillSwitchover(cluster, to, drill, { newId: randomUUID }),
      due: (schedule) => scheduledRun(schedule, { federation, newId: randomUUID, now }),
    };
  }

  async #catchUp(): Promise<void> {
    try {
      await this.#replica.raft?.readIndex({ timeoutMs: READ_TIMEOUT_MS });
    } catch (error) {
      if (!(error instanceof NoLeaderError)) throw error;
      throw new ApiError(
        'leader.unknown',
        'No majority of the gateway peers confirmed the read in time. `?consistency=stale` reads what this peer has.',
      );
    }
  }

  async #write(route: Route, request: RouteRequest): Promise<RouteResponse> {
    const leaderId = await this.#awaitLeader();
    return leaderId === this.#options.config.peer.id
      ? this.#execute(route, request)
      : this.#forwarding.send(leaderId, route, request);
  }

  /** Executes a write as the leader. */
  async #execute(route: Route, request: RouteRequest): Promise<RouteResponse> {
    if (this.#replica.leadership === undefined)
      throw new ApiError('leader.unknown', 'This peer leads no more. Try again.');
    try {
      return await route.handle(request);
    } catch (error) {
      throw errorOfRaft(error);
    }
  }

  /** What the leader heard last; it is in no log. */
  async #hear(clusterIds: readonly string[]): Promise<Heard> {
    const leaderId = this.#replica.raft?.status().leaderId;
    if (clusterIds.length === 0 || leaderId === undefined) return NOTHING_HEARD;
    const members = this.#replica.leadership?.heard(clusterIds) ?? (await this.#forwarding.hear(leaderId, clusterIds));
    return new Map(members.map((member) => [member.memberId, member]));
  }

  /** What the regions have measured between each other, as the leader knows it. */
  async #ways(): Promise<readonly MeasuredWay[]> {
    const leaderId = this.#replica.raft?.status().leaderId;
    if (leaderId === undefined) return [];
    return this.#replica.leadership?.ways() ?? (await this.#forwarding.ways(leaderId));
  }

  async #awaitLeader(): Promise<number> {
    const { clock, config } = this.#options;
    const deadline = clock.monotonicMs() + LEADER_WAIT_MS;
    for (;;) {
      const status = this.#replica.raft?.status();
      const isOther = status?.leaderId !== undefined && status.leaderId !== config.peer.id;
      if (status?.leaderId !== undefined && (isOther || this.#replica.leadership !== undefined)) return status.leaderId;
      if (clock.monotonicMs() > deadline)
        throw new ApiError(
          'leader.unknown',
          'The gateway peers have no leader: a majority of them must run and reach each other.',
        );
      await new Promise<void>((resolve) => clock.after(LEADER_POLL_MS, resolve));
    }
  }

  async #serveGrpc(transport: GrpcTransport): Promise<void> {
    const { config, credentials, log } = this.#options;
    const isPeer = (caller: { kind: string }): boolean => caller.kind === 'gateway';
    const table = {
      '/raft.v1.RaftService/Deliver': isPeer,
      '/raft.v1.RaftService/SendSnapshot': isPeer,
      [PeerServiceService.forward.path]: isPeer,
      [PeerServiceService.hear.path]: isPeer,
      ...Object.fromEntries(INTROSPECTION_METHODS.map((path) => [path, isPeer])),
    };
    const server = new grpc.Server({ interceptors: [accessControl(table)] });
    transport.addTo(server);
    const execute = (route: Route, request: RouteRequest): Promise<RouteResponse> => {
      log({ message: 'forwarded request', request_id: request.requestId, route: route.name });
      return this.#execute(route, request);
    };
    const hearing = {
      heard: (clusterIds: readonly string[]): HeardMember[] => this.#replica.leadership?.heard(clusterIds) ?? [],
      ways: (): MeasuredWay[] => this.#replica.leadership?.ways() ?? [],
    };
    server.addService(PeerServiceService, peerService(this.#routes, execute, hearing));
    addIntrospection(server, ['argosy.gateway.v1.PeerService', 'raft.v1.RaftService']);
    this.#grpc = server;
    await new Promise<void>((resolve, reject) => {
      const { address, port } = config.grpc;
      server.bindAsync(`${address}:${port}`, serverCredentials(credentials), (error) =>
        error === null ? resolve() : reject(error),
      );
    });
  }

  /** Those of the configuration, then those that were made since. */
  #projectLinks(): readonly LinkedProjects[] {
    const made = this.#replica.federation.projectLinks().map(({ projects }) => projects);
    return [...this.#options.config.projectLinks, ...made];
  }

  /** Serves the routes to clients, by REST and by gRPC: who asks both has one rate limit. */
  async #serveClients(): Promise<void> {
    const { config, clock, log } = this.#options;
    const rateLimit = new RateLimit({ ...config.rateLimit, monotonicMs: () => clock.monotonicMs() });
    const answering = {
      routes: this.#routes,
      callers: new Callers({
        ...{ keystones: config.keystones, links: () => this.#projectLinks(), clock, fetch },
        joined: () => this.#replica.federation.joinedKeystones(),
      }),
      catchUp: () => this.#catchUp(),
      write: (route: Route, request: RouteRequest) => this.#write(route, request),
      admit: (projectId: string) => rateLimit.take(projectId),
      newRequestId: () => `req-${randomUUID()}`,
      monotonicMs: () => clock.monotonicMs(),
      log,
    };
    const pages = [...openPages(() => this.#readiness()), this.#metrics.page()];
    const app = createServer({
      ...answering,
      pages: [...pages, ...referencePages(this.#routes, pages)],
      measure: (request) => this.#metrics.requestEnded(request),
    });
    const server = createConnections(app.callback(), answering.newRequestId);
    this.#http = server;
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(config.rest.port, config.rest.address, resolve);
    });
    if (config.clientGrpc === undefined) return;
    this.#clients = await GrpcServer.listen(config.clientGrpc, {
      ...answering,
      now: () => clock.now(),
      measure: (call) => this.#metrics.callEnded(call),
    });
    this.#tellHealth();
  }

  #tellHealth(): void {
    this.#clients?.setServing(this.#readiness().isReady);
  }

  /** Ready: there is a leader, and each region has been heard of, so that a cluster can be placed. */
  #readiness(): Readiness {
    const status = this.#replica.raft?.status();
    if (status?.leaderId === undefined) return { isReady: false, reason: 'There is no leader.' };
    const { federation } = this.#replica;
    const unheard = federation
      .ledRegions(this.#options.config.regions)
      .filter(({ name }) => federation.region(name) === undefined);
    if (unheard.length > 0) {
      return { isReady: false, reason: `Not heard of yet: ${unheard.map(({ name }) => name).join(', ')}.` };
    }
    return { isReady: true, reason: `Peer ${status.leaderId} leads in term ${status.term}.` };
  }
}
