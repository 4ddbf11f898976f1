// A cluster as text.
import type { Cluster, Member } from './resources.ts';
import { type Cell, renderFields, renderTable } from './tables.ts';
import { agoText } from './times.ts';

export function renderClusterList(clusters: readonly Cluster[], now: Date): string {
  if (clusters.length === 0)
    return 'There are no clusters. "argosy cluster create NAME --datastore postgresql" makes one.';
  return renderTable(
    ['name', 'status', 'datastore', 'members', 'survives', 'primary', 'created'],
    clusters.map((cluster) => [
      cluster.name,
      cluster.status,
      datastoreText(cluster),
      topologyText(cluster),
      survivalText(cluster),
      siteOf(primaryOf(cluster)),
      agoText(cluster.created_at, now),
    ]),
  );
}

export function renderCluster(cluster: Cluster): string {
  const { placement, volume } = cluster;
  const fields = renderFields([
    ['name', cluster.name],
    ['id', cluster.id],
    ['project', cluster.project_id],
    ['status', cluster.status],
    ['epoch', cluster.epoch],
    ['datastore', datastoreText(cluster)],
    ['topology', topologyText(cluster)],
    ['survives', survivalText(cluster)],
    ['regions', placement?.regions?.join(', ')],
    ['residency', placement?.residency?.join(', ')],
    ['durability', durabilityText(cluster)],
    ['flavor', cluster.flavor],
    ['volume', volume === undefined || volume === null ? undefined : `${volume.size} GiB`],
    ['read-write', cluster.endpoints?.read_write],
    ['read-only', cluster.endpoints?.read_only],
    ...Object.entries(cluster.endpoints?.local ?? {}).map(([region, uri]) => [`in ${region}`, uri] as const),
    ['created', cluster.created_at],
    ['updated', cluster.updated_at],
  ]);
  if (cluster.members.length === 0) return fields;
  return `${fields}\n${renderTable(
    ['member', 'role', 'kind', 'site', 'status', 'address', 'lag'],
    cluster.members.map((member) => memberRow(cluster, member)),
  )}`;
}

function memberRow(cluster: Cluster, member: Member): Cell[] {
  const prefix = `${cluster.id}-`;
  const name = member.id.startsWith(prefix) ? `${cluster.name}-${member.id.slice(prefix.length)}` : member.id;
  const port = member.port === undefined || member.port === null ? '' : `:${member.port}`;
  const address = member.address ? `${member.address}${port}` : undefined;
  const lag = member.lag_bytes === undefined || member.lag_bytes === null ? undefined : `${member.lag_bytes} B`;
  const role = member.leads === true ? `${member.role}, leads` : member.role;
  return [name, role, member.kind, siteOf(member), member.status, address, lag];
}

/** Where the engine rules itself, every member takes writes: the one that leads is named. */
function primaryOf({ members }: Cluster): Member | undefined {
  return members.find(({ leads }) => leads === true) ?? members.find(({ role }) => role === 'primary');
}

function siteOf(member: Member | undefined): Cell {
  // Zones are usually named after their region; then the zone says both.
  if (member === undefined) return undefined;
  const { region, zone } = member;
  if (!zone) return region;
  return !region || zone.startsWith(region) ? zone : `${region}/${zone}`;
}

function datastoreText(cluster: Cluster): Cell {
  const { datastore } = cluster;
  return datastore === undefined ? undefined : [datastore.type, datastore.version].filter(Boolean).join(' ');
}

function topologyText(cluster: Cluster): Cell {
  const { topology } = cluster;
  if (topology === undefined) return cluster.members.length;
  const counts: readonly (readonly [number, string])[] = [
    [topology.voters, 'voter'],
    [topology.replicas, 'replica'],
    [topology.arbiters, 'arbiter'],
  ];
  const told = counts
    .filter(([count]) => count > 0)
    .map(([count, noun]) => `${count} ${noun}${count === 1 ? '' : 's'}`)
    .join(', ');
  return topology.mode === undefined ? told : `${told} (${topology.mode})`;
}

function durabilityText({ durability, exposed }: Cluster): string | undefined {
  if (!durability?.mode) return undefined;
  const onLoss = durability.on_loss === 'degrade' ? ', degrades when voters are lost' : '';
  const bound = durability.rpo_seconds ? `, may lose ${durability.rpo_seconds} s of writes` : '';
  const onReplicaLoss = durability.on_replica_loss === 'expose' ? ', goes on without replicas' : '';
  return `${durability.mode}${bound}${onReplicaLoss}${onLoss}${exposed ? '; EXPOSED: only the primary has the newest writes' : ''}`;
}

/** Fewer than three voters survive the loss of none, whatever was wished of their places, unless they may degrade. */
function survivalText({ topology, placement, durability }: Cluster): string | undefined {
  const voters = topology?.voters ?? 0;
  if (durability?.on_loss === 'degrade' || durability?.mode === 'async') return placement?.survive ?? undefined;
  return voters > 0 && voters < 3 ? 'no loss' : (placement?.survive ?? undefined);
}
