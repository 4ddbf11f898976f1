// A cluster as the API shows it: a pure function of the replicated state and, on the leader, of what it heard last.
import type { DatastoreDefinition, Datastores } from '@argosy/datastores';
import { GATE_PORT, type HeardMember } from '@argosy/proto';
import { z } from 'zod';
import { DEFAULT_RPO_SECONDS } from '../planning/rule.ts';
import { isListed } from '../planning/ruled.ts';
import {
  type Cluster,
  isEngineRuled,
  isExposed,
  isPresent,
  isSettled,
  type Member,
  memberId,
  wantedMembers,
} from '../state/clusters.ts';
import type { Federation } from '../state/federation.ts';
import { hasEnded, type Operation } from '../state/operations.ts';
import type { ClusterSpec } from '../state/spec.ts';

export const clusterStatusSchema = z.enum([
  ...(['BUILD', 'ACTIVE', 'DEGRADED', 'UPDATING', 'FAILING_OVER', 'ERROR', 'DELETING'] as const),
]);
const memberStatusSchema = z.enum(['BUILD', 'UP', 'DOWN', 'FENCED', 'SEEDING', 'DELETING']);
type ClusterStatus = z.infer<typeof clusterStatusSchema>;
type MemberStatus = z.infer<typeof memberStatusSchema>;

const memberSchema = z
  .strictObject({
    id: z.string(),
    role: z
      .enum(['primary', 'replica', 'arbiter'])
      .meta({ description: 'Where the engine rules itself every member takes writes, as a primary.' }),
    leads: z.boolean().optional().meta({ description: 'Of an engine that rules itself: it leads there.' }),
    kind: z.enum(['voter', 'replica', 'arbiter']),
    region: z.string(),
    zone: z.string(),
    status: memberStatusSchema,
    address: z.string().nullable(),
    port: z.int().nullable(),
    lag_bytes: z.int().nullable().meta({ description: 'Behind the primary; null when it is not known.' }),
    observed_at: z.iso.datetime().nullable(),
    parameter_generation: z.int().meta({ description: 'Of the parameters that it runs with.' }),
    detail: z.string().optional().meta({ description: 'Why it is not up.' }),
    tail: z
      .strictObject({
        epoch: z.int().meta({ description: 'The epoch that it rejoined.' }),
        bytes: z.int(),
        transactions: z.int().nullable().meta({ description: 'Committed there; null when they could not be counted.' }),
        seconds: z
          .number()
          .nullable()
          .meta({ description: 'From its first commit to its last; null where the engine does not tell when.' }),
        folder: z.string().nullable().meta({ description: 'On its volume; null when there was no room.' }),
        acknowledged: z
          .enum(['none', 'possibly'])
          .meta({ description: 'Possibly: their loss was accepted by an operator.' }),
      })
      .optional()
      .meta({ description: "What its log held beyond the cluster's when it last rejoined." }),
  })
  .meta({ id: 'Member' });

export const clusterSchema = z
  .strictObject({
    id: z.string(),
    name: z.string(),
    project_id: z.string(),
    status: clusterStatusSchema,
    epoch: z.int().meta({ description: 'Counts the primaries; 0 before the first.' }),
    datastore: z.strictObject({ type: z.string(), version: z.string() }),
    flavor: z.string(),
    volume: z.strictObject({ size: z.int().meta({ description: 'GiB.' }) }),
    topology: z.strictObject({
      ...{ voters: z.int(), replicas: z.int(), arbiters: z.int() },
      mode: z
        .string()
        .optional()
        .meta({ description: 'Where the datastore knows several, and this is not the first.' }),
    }),
    placement: z.strictObject({
      survive: z.enum(['host', 'zone', 'region', 'provider']),
      regions: z.array(z.string()).meta({ description: 'Empty: every region.' }),
      residency: z.array(z.string()).meta({ description: 'Empty: everywhere.' }),
    }),
    durability: z.strictObject({
      mode: z.enum(['quorum', 'async', 'engine']),
      on_loss: z.enum(['refuse', 'degrade']).optional(),
      rpo_seconds: z
        .int()
        .optional()
        .meta({ description: 'What an asynchronous cluster may lose, in seconds of writes.' }),
      on_replica_loss: z.enum(['refuse', 'expose']).optional(),
    }),
    parameters: z
      .record(z.string(), z.string())
      .meta({ description: 'Those that were set; the others have their defaults.' }),
    parameter_generation: z.int().meta({ description: 'Raised by every change of them; 0: none was ever set.' }),
    exposed: z
      .boolean()
      .meta({ description: 'Commits are acknowledged that only the primary has, though more voters are wished.' }),
    members: z.array(memberSchema),
    endpoints: z
      .strictObject({
        read_write: z.string(),
        read_only: z.string(),
        local: z.record(z.string(), z.string()).meta({
          description: 'By region: an address there that leads to whoever is the primary.',
        }),
      })
      .partial()
      .meta({ description: 'Empty until the cluster has taken its first connection.' }),
    operation_id: z.string().meta({ description: 'The change that is under way, or was the last.' }),
    failure: z.string().optional().meta({ description: 'Why the cluster is in ERROR.' }),
    created_at: z.iso.datetime(),
    updated_at: z.iso.datetime(),
  })
  .meta({ id: 'Cluster' });
export type ClusterView = z.infer<typeof clusterSchema>;

export interface ViewContext {
  readonly federation: Federation;
  readonly datastores: Datastores;
  /** What was heard last of the members of these clusters, by member id; empty when the leader does not tell. */
  readonly hear: (clusterIds: readonly string[]) => Promise<Heard>;
}

export type Heard = ReadonlyMap<string, HeardMember>;

export const NOTHING_HEARD: Heard = new Map();

export function viewCluster(
  cluster: Cluster,
  context: Pick<ViewContext, 'federation' | 'datastores'>,
  heard: Heard,
): ClusterView {
  const { spec } = cluster;
  const definition = context.datastores.find(spec.datastore.type);
  const addresses = wantedMembers(cluster).flatMap(({ kind, facts }) =>
    facts.address === undefined || facts.port === undefined || kind === 'arbiter'
      ? []
      : [{ address: facts.address, port: facts.port }],
  );
  const endpoints = definition?.endpoints(addresses);
  return {
    id: cluster.id,
    name: cluster.name,
    project_id: cluster.projectId,
    status: clusterStatus(cluster, context.federation),
    epoch: cluster.epoch,
    datastore: spec.datastore,
    flavor: spec.flavor,
    volume: spec.volume,
    topology: spec.topology,
    placement: {
      survive: spec.placement.survive,
      regions: [...spec.placement.regions],
      residency: [...spec.placement.residency],
    },
    durability: viewDurability(spec),
    parameters: { ...spec.parameters?.values },
    parameter_generation: spec.parameters?.generation ?? 0,
    exposed: isExposed(cluster),
    members: cluster.members.map((member) => viewMember(cluster, member, heard)),
    endpoints:
      endpoints === undefined || cluster.opened.epoch === 0
        ? {}
        : {
            read_write: endpoints.readWrite,
            read_only: endpoints.readOnly,
            local: localEndpoints(cluster, definition),
          },
    operation_id: cluster.operationId,
    ...(cluster.failure === undefined ? {} : { failure: cluster.failure }),
    created_at: cluster.createdAt,
    updated_at: cluster.updatedAt,
  };
}

/** The gate of one member of each region. */
function localEndpoints(cluster: Cluster, definition: DatastoreDefinition | undefined): Record<string, string> {
  const gates: Record<string, string> = {};
  for (const { region, kind, facts } of wantedMembers(cluster)) {
    if (definition === undefined || kind === 'arbiter' || facts.address === undefined) continue;
    // Where every member takes writes, nobody need be led to another.
    const port = isEngineRuled(cluster) ? facts.port : GATE_PORT;
    gates[region] ??= definition.localEndpoint({ address: facts.address, port: port ?? 0 });
  }
  return gates;
}

export function clusterStatus(cluster: Cluster, federation: Federation): ClusterStatus {
  const operation = federation.operation(cluster.operationId);
  if (operation !== undefined && !hasEnded(operation)) return statusDuring(operation, cluster);
  if (cluster.failure !== undefined || cluster.wanted === 'absent') return 'ERROR';

  const isHealthy = wantedMembers(cluster).every(
    (member) =>
      member.facts.isUp === true && isPresent(member) && federation.region(member.region)?.status !== 'UNREACHABLE',
  );
  return isHealthy ? 'ACTIVE' : 'DEGRADED';
}

function statusDuring(operation: Operation, cluster: Cluster): ClusterStatus {
  if (operation.kind === 'cluster.failover' && !isSettled(cluster)) return 'FAILING_OVER';
  if (operation.kind === 'cluster.delete') return 'DELETING';
  if (operation.kind !== 'cluster.create') return 'UPDATING';
  return operation.error === undefined ? 'BUILD' : 'ERROR';
}

function viewMember(cluster: Cluster, member: Member, heard: Heard): z.infer<typeof memberSchema> {
  const id = memberId(cluster.id, member.ordinal);
  const isPrimary = member.ordinal === cluster.primary;
  const last = heard.get(id);
  const lagBytes = isPrimary ? 0 : last?.lagBytes;
  return {
    id,
    role:
      member.kind === 'arbiter'
        ? 'arbiter'
        : isPrimary || (isEngineRuled(cluster) && isListed(member))
          ? 'primary'
          : 'replica',
    kind: member.kind,
    region: member.region,
    zone: member.zone,
    status: memberStatus(cluster, member),
    address: member.facts.address ?? null,
    port: member.facts.port ?? null,
    lag_bytes: lagBytes ?? null,
    ...(last?.leads === undefined ? {} : { leads: last.leads }),
    observed_at: last?.time?.toISOString() ?? null,
    parameter_generation: member.facts.parameters?.generation ?? 0,
    ...detailOf(member),
    ...tailOf(member),
  };
}

function tailOf({ facts: { tail } }: Member): Pick<z.infer<typeof memberSchema>, 'tail'> {
  if (tail === undefined) return {};
  const { epoch, bytes, transactions = null, seconds = null, folder = null, mayBeAcknowledged } = tail;
  const acknowledged = mayBeAcknowledged ? ('possibly' as const) : ('none' as const);
  return { tail: { epoch, bytes, transactions, seconds, folder, acknowledged } };
}

function detailOf({ facts }: Member): { detail?: string } {
  if (facts.leftOutInEpoch !== undefined) {
    return {
      detail: `Left out of epoch ${facts.leftOutInEpoch}, when losing writes was accepted; its volume is kept.`,
    };
  }
  const detail = facts.detail ?? (facts.isAway === true ? 'It is not heard.' : undefined);
  return detail === undefined ? {} : { detail };
}

function memberStatus(cluster: Cluster, member: Member): MemberStatus {
  const { isRetired, facts, kind } = member;
  if (isRetired) return 'DELETING';
  // An arbiter of ours has no database, and so no role: its agent is all there is of it.
  const isArbiter = kind === 'arbiter' && facts.address !== undefined && !isEngineRuled(cluster);
  if (facts.role !== undefined || isArbiter) return facts.isUp === true && isPresent(member) ? 'UP' : 'DOWN';
  return facts.address !== undefined && kind !== 'arbiter' && facts.isInitialised !== true ? 'SEEDING' : 'BUILD';
}

function viewDurability({ durability }: ClusterSpec) {
  const { mode, on_loss = 'refuse', rpo_seconds = DEFAULT_RPO_SECONDS, on_replica_loss = 'refuse' } = durability;
  if (mode === 'engine') return { mode };
  return mode === 'quorum' ? { mode, on_loss } : { mode, rpo_seconds, on_replica_loss };
}
