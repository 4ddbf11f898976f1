// For the operators of this OpenStack: what runs here. Whoever has the role admin in the region's own Keystone may ask.
import { randomUUID } from 'node:crypto';
import { AgentState, type Clock, MemberRole, type Orphan, type RegionReport } from '@argosy/proto';
import { Router } from '@koa/router';
import Koa, { type Context } from 'koa';
import type { Logger } from 'pino';
import { type HttpServer, serveHttp } from '../http-server.ts';
import { OpenStackError } from '../openstack/errors.ts';
import type { Heat } from '../openstack/heat.ts';
import type { Keystone, TokenOwner } from '../openstack/keystone.ts';
import { readJson } from './admin-body.ts';
import { type Auditor, orphanView } from './audit.ts';
import type { Capacity } from './capacity.ts';
import type { Metrics } from './metrics.ts';
import type { RegionCheck } from './region-check.ts';
import type { RegionWatch, SeenMember } from './region-watch.ts';
import { kindName, stackTag } from './stack-request.ts';

const TOKEN_CACHE_MS = 60_000;
const MAX_CACHED_TOKENS = 1_000;
const ADMIN_ROLE = 'admin';
const MICROSECONDS_PER_SECOND = 1_000_000;

export interface AdminWorld {
  readonly federation: string;
  readonly keystone: Keystone;
  readonly heat: Heat;
  readonly watch: RegionWatch;
  readonly capacity: Capacity;
  readonly auditor: Auditor;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly log: Logger;
  report(): RegionReport;
  readonly check: Pick<RegionCheck, 'findings'>;
}

class AdminError extends Error {
  override readonly name = 'AdminError';
  readonly status: number;
  readonly title: string;

  constructor(status: number, title: string, message: string) {
    super(message);
    this.status = status;
    this.title = title;
  }
}

export function serveAdmin(
  world: AdminWorld,
  at: { readonly address: string; readonly port: number },
): Promise<HttpServer> {
  return serveHttp(createAdminApp(world).callback(), at);
}

function createAdminApp(world: AdminWorld): Koa {
  const app = new Koa();
  app.silent = true;
  app.use(async (context, next) => {
    const requestId = `req-${randomUUID()}`;
    context.set('x-openstack-request-id', requestId);
    try {
      await next();
      if (context.status === 404 && context.body === undefined) {
        throw new AdminError(404, 'path.not_found', `There is nothing at ${context.path}.`);
      }
    } catch (thrown) {
      const { status, title, message } = toAdminError(thrown);
      if (status >= 500) world.log.error({ err: thrown, request_id: requestId }, 'admin request failed');
      context.status = status;
      context.body = { error: { code: status, title, message, request_id: requestId } };
    }
  });
  const open = new Router();
  open.get('/healthz', (context) => {
    context.body = { status: 'ok' };
  });
  // Counts only, and no names: whoever reaches the port may scrape them.
  open.get('/metrics', (context) => {
    context.type = 'text/plain; version=0.0.4';
    context.body = metricsText(world);
  });
  const router = new Router({ prefix: '/v1' });
  const isAdmin = tokenCheck(world);
  router.use(async (context, next) => {
    await isAdmin(context);
    await next();
  });
  router.get('/status', (context) => {
    context.body = { status: statusBody(world) };
  });
  router.get('/members', (context) => {
    context.body = { members: world.watch.members().map(memberBody) };
  });
  router.get('/stacks', async (context) => {
    const stacks = await world.heat.list(stackTag(world.federation));
    context.body = { stacks: stacks.map(({ id, name, status, reason, tags }) => ({ id, name, status, reason, tags })) };
  });
  addOrphans(router, world);
  router.get('/reachability', (context) => {
    context.body = {
      reachability: world.report().roundTrips.map(({ region, reachable, microseconds, detail }) => ({
        ...{ region, reachable, microseconds: reachable ? microseconds : null },
        ...(detail === '' ? {} : { detail }),
      })),
    };
  });
  for (const [path, isDrained] of [
    ['/drain', true],
    ['/undrain', false],
  ] as const) {
    router.post(path, (context) => {
      world.capacity.isDrained = isDrained;
      world.log.info({ drained: isDrained }, 'drain');
      context.body = { status: statusBody(world) };
    });
  }
  app.use(open.routes());
  app.use(router.routes());
  return app;
}

function addOrphans(router: Router, { auditor }: AdminWorld): void {
  router.get('/orphans', async (context) => {
    const found = await auditor.orphans();
    context.body = orphansBody(
      found.map((orphan) => orphanView(orphan)),
      auditor,
    );
  });
  // What GET shows is the dry run: only stacks that it calls removable, and that are named here, are removed.
  router.post('/orphans/repair', async (context) => {
    const ids = (await readJson(context.req))?.stack_ids;
    if (!Array.isArray(ids) || ids.length === 0 || !ids.every((id): id is string => typeof id === 'string')) {
      throw new AdminError(400, 'request.invalid', 'The body must be {"stack_ids": ["…"]}, of stacks that GET shows.');
    }
    context.body = orphansBody(await auditor.repair(ids), auditor);
  });
}

/** `gateway_told_at` null: what is wished is not known, so that strangers are not told from members. */
function orphansBody(orphans: readonly Orphan[], { toldAt }: Auditor): object {
  return {
    gateway_told_at: toldAt?.toISOString() ?? null,
    orphans: orphans.map(({ stackId, stackName, stackStatus, memberId, kind, why, removable, removed }) => ({
      ...{ stack_id: stackId || null, stack_name: stackName || null, stack_status: stackStatus || null },
      ...{ member_id: memberId || null, kind, why, removable, removed },
    })),
  };
}

/** Admits admins. What Keystone said of a token is believed for a minute, never longer than the token lives. */
function tokenCheck({ keystone, clock }: AdminWorld): (context: Context) => Promise<void> {
  const cache = new Map<string, { readonly owner: TokenOwner; readonly untilMs: number }>();
  return async (context) => {
    const token = context.get('x-auth-token');
    if (token === '') throw new AdminError(401, 'token.missing', 'X-Auth-Token is missing.');
    const now = clock.now().getTime();
    const known = cache.get(token);
    const owner = known !== undefined && known.untilMs > now ? known.owner : await keystone.validate(token);
    if (owner === undefined) throw new AdminError(401, 'token.invalid', 'Keystone does not accept the token.');
    if (owner !== known?.owner) {
      if (cache.size >= MAX_CACHED_TOKENS) cache.clear();
      cache.set(token, { owner, untilMs: Math.min(now + TOKEN_CACHE_MS, owner.expiresAt.getTime()) });
    }
    if (!owner.roles.includes(ADMIN_ROLE)) {
      throw new AdminError(403, 'role.missing', `The role ${ADMIN_ROLE} is needed.`);
    }
  };
}

function statusBody(world: AdminWorld): object {
  const { region, provider, jurisdiction, zones, flavors, heatFailure } = world.report();
  const members = world.watch.members();
  return {
    region,
    provider,
    jurisdiction,
    heat_failure: heatFailure,
    // Null until Heat has been asked; empty when all is there.
    findings: world.check.findings ?? null,
    drained: world.capacity.isDrained,
    zones: zones.map(({ name, freeMembers }) => ({ name, free_members: freeMembers })),
    flavors: flavors.map(({ name, vcpus, memoryMib, costMilli }) => ({
      ...{ name, vcpus, memory_mib: memoryMib, cost_milli: costMilli },
    })),
    members: members.length,
    reachable_members: members.filter(({ agent }) => agent.state === AgentState.REACHABLE).length,
  };
}

function metricsText(world: AdminWorld): string {
  const { zones, heatFailure, roundTrips } = world.report();
  const members = world.watch.members();
  const states = Object.entries(AGENT_STATES).map(
    ([state, name]) => [{ state: name }, members.filter(({ agent }) => agent.state === Number(state)).length] as const,
  );
  return world.metrics.render([
    { name: 'argosy_members', help: 'Members, by state of their agent.', values: states },
    {
      name: 'argosy_zone_free_members',
      help: 'How many more members a zone can take.',
      values: zones.map(({ name, freeMembers }) => [{ zone: name }, freeMembers]),
    },
    {
      name: 'argosy_region_findings',
      help: 'How much of what the configuration names the region does not have.',
      values: world.check.findings === undefined ? [] : [[{}, world.check.findings.length]],
    },
    { name: 'argosy_heat_up', help: 'Heat answered the last look.', values: [[{}, heatFailure === '' ? 1 : 0]] },
    {
      name: 'argosy_round_trip_seconds',
      help: 'TCP connect time to the executors of the other regions that are reached.',
      values: roundTrips
        .filter(({ reachable }) => reachable)
        .map(({ region, microseconds }) => [{ region }, microseconds / MICROSECONDS_PER_SECOND]),
    },
  ]);
}

const AGENT_STATES: Readonly<Record<AgentState, string>> = {
  [AgentState.UNSPECIFIED]: 'UNKNOWN',
  [AgentState.AWAITED]: 'AWAITED',
  [AgentState.REACHABLE]: 'REACHABLE',
  [AgentState.UNREACHABLE]: 'UNREACHABLE',
};

function memberBody(member: SeenMember): object {
  const { report } = member.agent;
  const peer = member.location?.peer;
  return {
    id: member.memberId,
    cluster_id: member.clusterId,
    zone: member.zone,
    stack_id: member.stack.id,
    stack_status: member.stack.status,
    kind: peer === undefined ? null : kindName(peer.kind),
    address: peer?.address ?? null,
    port: peer?.port ?? null,
    agent: AGENT_STATES[member.agent.state],
    detail: member.agent.detail === '' ? (report?.detail ?? '') : member.agent.detail,
    up: report?.up ?? null,
    role: report === undefined ? null : roleName(report.role),
    epoch: report === undefined ? null : report.epoch,
  };
}

function roleName(role: MemberRole): string | null {
  if (role === MemberRole.PRIMARY) return 'primary';
  return role === MemberRole.REPLICA ? 'replica' : null;
}

function toAdminError(thrown: unknown): { status: number; title: string; message: string } {
  if (thrown instanceof AdminError) return thrown;
  if (thrown instanceof OpenStackError) return { status: 503, title: 'openstack.unavailable', message: thrown.message };
  return { status: 500, title: 'internal', message: 'The executor failed; its log says why.' };
}
