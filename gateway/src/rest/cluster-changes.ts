// The changes of a cluster that can be asked for: create, change what is wanted, switch over, a new password, delete.
// Each works out what would be wished; whether it may be, how, and what is answered is common to all (changes.ts).
import { type DatastoreDefinition, definitionFor } from '@argosy/datastores';
import { z } from 'zod';
import { toleratingPlaced } from '../placement/latency.ts';
import { type CandidateSite, type Network, type PlacementRequest, place } from '../placement/place.ts';
import { type AdminUser, type Cluster, type Member, memberOf, wantedMembers } from '../state/clusters.ts';
import type { EntryBody } from '../state/entries.ts';
import { type ClusterSpec, goesOnWithFewer, type MemberKind, type Site, type WantedMember } from '../state/spec.ts';
import { changeSpec } from './changed-cluster.ts';
import { type Change, type ChangesOptions, memberNames } from './changes.ts';
import { demandPrimary } from './engine-ruled.ts';
import { ApiError, invalidField } from './errors.ts';
import { readNewCluster } from './new-cluster.ts';
import { emptyBody, readObject } from './objects.ts';
import { relaxationView } from './relaxations.ts';
import type { RouteRequest } from './route.ts';

export const switchoverBody = z.strictObject({
  to: z
    .string()
    .min(1)
    .max(255)
    .optional()
    .meta({ description: 'A member, by id or name, or a region; else the best placed voter.' }),
});

export const replaceBody = z.strictObject({
  member: z.string().min(1).max(255).meta({ description: 'The member that is lost, by id or name.' }),
});

const SALT_BYTES = 16;
const PASSWORD_BYTES = 24;

export interface ClusterChangesOptions extends ChangesOptions {
  readonly sites: (flavor: string) => readonly CandidateSite[];
  /** What was measured between the regions; undefined where nothing is known. */
  readonly network?: () => Network | undefined;
  readonly newId: () => string;
  readonly randomBytes: (count: number) => Uint8Array;
}

/** @throws ApiError */
export function creation({ caller, body, requestId }: RouteRequest, options: ClusterChangesOptions): Change {
  const { name, spec } = readNewCluster(body, options.datastores);
  if (options.federation.findCluster(caller.projectId, name) !== undefined) {
    throw new ApiError('cluster.name_taken', `A cluster called "${name}" already exists in this project.`);
  }
  demandFlavor(spec, options);
  demandRegions(spec, options);
  const { members, reasons } = placeMembers(spec, options, undefined);
  const { admin, password } = newAdmin(definitionOf(spec, options), 1, options);
  return {
    entry: {
      ...{ kind: 'cluster.created', clusterId: options.newId(), operationId: options.newId() },
      ...{
        operationKind: 'cluster.create',
        name,
        projectId: caller.projectId,
        spec,
        members,
        admin,
        requestId,
        steps: [],
      },
    },
    reasons,
    credentials: { username: admin.name, password, database: admin.database },
  };
}

/** What `PATCH` asks for. @throws ApiError */
export function update(cluster: Cluster, { body, requestId }: RouteRequest, options: ClusterChangesOptions): Change {
  const spec = changeSpec(cluster.spec, body, definitionOf(cluster.spec, options));
  demandFlavor(spec, options);
  demandRegions(spec, options);
  const { members, reasons } = placeMembers(spec, options, cluster);
  return { entry: { ...changed(cluster, 'cluster.update', requestId, options), spec, members }, reasons };
}

/** @throws ApiError */
export function switchover(
  cluster: Cluster,
  { body, requestId }: RouteRequest,
  options: ClusterChangesOptions,
): Change {
  demandPrimary(cluster, 'switchover.impossible');
  const { to } = readObject(body ?? {}, switchoverBody);
  const ordinal = successor(cluster, to);
  return {
    entry: { ...changed(cluster, 'cluster.switchover', requestId, options), wantedPrimary: ordinal },
    reasons: [`${cluster.name}-${ordinal} becomes the primary.`],
  };
}

/** Another member takes the place of one that is lost. It has no data of before: it copies, then it counts. @throws ApiError */
export function replacement(
  cluster: Cluster,
  { body, requestId }: RouteRequest,
  options: ClusterChangesOptions,
): Change {
  const { member } = readObject(body, replaceBody);
  const ordinal = memberNames(cluster).get(member);
  const lost = wantedMembers(cluster).find((each) => each.ordinal === ordinal);
  if (lost === undefined) {
    const names = wantedMembers(cluster).map((each) => `${cluster.name}-${each.ordinal}`);
    throw new ApiError(
      'replace.impossible',
      `"${member}" is no member of this cluster; there are ${names.join(', ')}.`,
    );
  }
  if (lost.ordinal === cluster.primary) {
    const message = `${member} is the primary. Switch over first; or fail over, when it does not answer.`;
    throw new ApiError('replace.impossible', message);
  }
  const left = { ...cluster, members: cluster.members.filter((each) => each !== lost) };
  const { members, reasons } = placeMembers(cluster.spec, options, left);
  return { entry: { ...changed(cluster, 'cluster.update', requestId, options), members }, reasons };
}

/** The switchover of a drill. @throws ApiError switchover.impossible */
export function drillSwitchover(
  cluster: Cluster,
  to: string | undefined,
  drill: { readonly id: string; readonly requestId: string },
  options: Pick<ClusterChangesOptions, 'newId'>,
): EntryBody {
  const change = changed(cluster, 'cluster.switchover', drill.requestId, options);
  return { ...change, wantedPrimary: successor(cluster, to), drillId: drill.id };
}

/** @throws ApiError */
export function newPassword(
  cluster: Cluster,
  { body, requestId }: RouteRequest,
  options: ClusterChangesOptions,
): Change {
  readObject(body ?? {}, emptyBody);
  const definition = definitionOf(cluster.spec, options);
  if (definition.fixedPassword !== undefined) throw new ApiError('account.unsupported', definition.fixedPassword);
  const { admin, password } = newAdmin(definition, cluster.admin.generation + 1, options);
  return {
    entry: { ...changed(cluster, 'cluster.credentials', requestId, options), admin },
    reasons: [],
    credentials: { username: admin.name, password, database: admin.database },
  };
}

export function deletion(cluster: Cluster, { requestId }: RouteRequest, options: ClusterChangesOptions): Change {
  const ids = { clusterId: cluster.id, operationId: options.newId() };
  return {
    entry: { kind: 'cluster.unwanted', ...ids, operationKind: 'cluster.delete', requestId, steps: [] },
    reasons: [],
  };
}

function changed(
  cluster: Cluster,
  operationKind: 'cluster.update' | 'cluster.switchover' | 'cluster.credentials',
  requestId: string,
  options: Pick<ClusterChangesOptions, 'newId'>,
) {
  return {
    kind: 'cluster.changed',
    clusterId: cluster.id,
    operationId: options.newId(),
    operationKind,
    baseRevision: cluster.revision,
    spec: cluster.spec,
    members: wantedMembers(cluster).map(({ ordinal, kind, region, zone }) => ({ ordinal, kind, region, zone })),
    admin: cluster.admin,
    requestId,
    steps: [],
  } as const;
}

/** Who shall lead: the member or the region that is named, else the best placed voter. @throws ApiError */
function successor(cluster: Cluster, to: string | undefined): number {
  const voters = wantedMembers(cluster).filter(({ kind, ordinal }) => kind === 'voter' && ordinal !== cluster.primary);
  if (voters.length === 0) throw new ApiError('switchover.impossible', 'The cluster has no other voter.');
  const named = to === undefined ? undefined : memberNames(cluster).get(to);
  if (named !== undefined && named === cluster.primary) {
    throw new ApiError('switchover.impossible', `${to} is the primary already.`);
  }
  const found = voters.filter(({ ordinal, region }) => to === undefined || ordinal === named || region === to);
  const best = found.find(({ facts }) => facts.isUp === true) ?? found[0];
  if (best === undefined) {
    const names = voters.map(({ ordinal, region }) => `${cluster.name}-${ordinal} (${region})`).join(', ');
    throw new ApiError(
      'switchover.impossible',
      `"${to}" is no other voter of this cluster, nor a region of one; there are ${names}.`,
    );
  }
  return best.ordinal;
}

/** Keeps what can stay where it is. The ordinals of new members come from the cluster's counter. */
function placeMembers(
  spec: ClusterSpec,
  options: ClusterChangesOptions,
  cluster: Cluster | undefined,
): { members: WantedMember[]; reasons: readonly string[] } {
  const sites = options.sites(spec.flavor);
  if (sites.every(({ isAway }) => isAway === true)) {
    const message = 'No region answers, so there is nowhere to place a member. Try again; `GET /v2/regions` says why.';
    throw new ApiError('regions.silent', message);
  }
  const current = cluster === undefined ? [] : wantedMembers(cluster);
  const network = options.network?.();
  const wish: PlacementRequest = {
    ...{ ...spec.topology, ...spec.placement, flavor: spec.flavor, fixed: [], excluded: [], current },
    ...(network === undefined ? {} : { network: toleratingPlaced(network, current) }),
    onLoss: goesOnWithFewer(spec) ? 'degrade' : 'stop',
  };
  // The primary stays where it can: its move costs a switchover.
  const kept = keptPrimary(spec, cluster, sites);
  const withPrimary = kept === undefined ? undefined : place(keeping(wish, kept), sites);
  const placement = withPrimary === undefined || 'infeasible' in withPrimary ? place(wish, sites) : withPrimary;
  if ('infeasible' in placement) {
    const hint = placement.relaxations[0]?.sentence;
    const message = hint === undefined ? placement.infeasible : `${placement.infeasible} ${hint}`;
    throw new ApiError('placement.infeasible', message, { relaxations: placement.relaxations.map(relaxationView) });
  }
  const placed = placement === withPrimary && kept !== undefined ? [kept, ...placement.sites] : placement.sites;
  return { members: numbered(placed, current, cluster), reasons: placement.reasons };
}

/** The primary, when the wish leaves it where it is. */
function keptPrimary(
  spec: ClusterSpec,
  cluster: Cluster | undefined,
  sites: readonly CandidateSite[],
): Member | undefined {
  const primary = cluster === undefined ? undefined : memberOf(cluster, cluster.primary);
  if (primary === undefined || primary.isRetired) return undefined;
  const { regions, residency } = spec.placement;
  const site = sites.find(({ region, zone }) => region === primary.region && zone === primary.zone);
  const isAllowed = regions.length === 0 || regions.includes(primary.region);
  const resides = residency.length === 0 || (site !== undefined && residency.includes(site.jurisdiction));
  return isAllowed && resides ? primary : undefined;
}

function keeping(wish: PlacementRequest, { kind, region, zone, ordinal }: Member): PlacementRequest {
  const current = (wish.current as readonly Member[]).filter((member) => member.ordinal !== ordinal);
  return { ...wish, voters: wish.voters - 1, fixed: [{ kind, region, zone }], current };
}

/** Members that stay keep their ordinals; those of new ones come from the cluster's counter. */
function numbered(
  placed: readonly (Site & { readonly kind: MemberKind })[],
  current: readonly Member[],
  cluster: Cluster | undefined,
): WantedMember[] {
  const free = [...current].sort((left, right) => rank(left, cluster) - rank(right, cluster));
  let next = cluster?.nextOrdinal ?? 1;
  const members = placed.map(({ kind, region, zone }): WantedMember => {
    const index = free.findIndex((member) => member.kind === kind && member.region === region && member.zone === zone);
    const [same] = index < 0 ? [] : free.splice(index, 1);
    return { kind, region, zone, ordinal: same?.ordinal ?? next++ };
  });
  return members.sort((left, right) => left.ordinal - right.ordinal);
}

function rank({ ordinal }: WantedMember, cluster: Cluster | undefined): number {
  return ordinal === cluster?.primary ? 0 : ordinal;
}

function newAdmin(
  definition: DatastoreDefinition,
  generation: number,
  options: ClusterChangesOptions,
): { admin: AdminUser; password: string } {
  const { verifier, secret } = secretOf(definition, options);
  return {
    admin: { name: definition.admin.user, database: definition.admin.database, verifier, generation },
    password: secret,
  };
}

/** A password that is told once, and what the engine keeps of it. @throws ApiError */
export function newSecret(
  spec: ClusterSpec,
  options: ClusterChangesOptions,
): { readonly secret: string; readonly verifier: string } {
  return secretOf(definitionOf(spec, options), options);
}

function secretOf(definition: DatastoreDefinition, options: Pick<ClusterChangesOptions, 'randomBytes'>) {
  const secret = Buffer.from(options.randomBytes(PASSWORD_BYTES)).toString('base64url');
  return { secret, verifier: definition.passwordVerifier(secret, options.randomBytes(SALT_BYTES)) };
}

function definitionOf(
  { datastore, durability }: ClusterSpec,
  { datastores }: ClusterChangesOptions,
): DatastoreDefinition {
  const definition = datastores.find(datastore.type);
  if (definition === undefined) throw new ApiError('datastore.unknown', `There is no datastore "${datastore.type}".`);
  return definitionFor(definition, durability.mode);
}

function demandFlavor({ flavor }: ClusterSpec, { federation }: ClusterChangesOptions): void {
  const known = new Set(federation.regions().flatMap(({ flavors }) => flavors.map(({ name }) => name)));
  if (known.size > 0 && !known.has(flavor)) {
    throw invalidField('cluster.flavor', `no region has a flavor "${flavor}"; there are ${[...known].join(', ')}`);
  }
}

function demandRegions({ placement }: ClusterSpec, { federation }: ClusterChangesOptions): void {
  const known = federation.regions().map(({ name }) => name);
  const unknown = placement.regions.find((name) => !known.includes(name));
  if (unknown === undefined || known.length === 0) return;
  throw invalidField('cluster.placement.regions', `there is no region "${unknown}"; there are ${known.join(', ')}`);
}
