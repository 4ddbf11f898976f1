// What a person needs to know once everything runs.
import { join } from 'node:path';
import { connectionUri } from '../cli/connection-uri.ts';
import { readCredentials } from '../cli/credentials.ts';
import type { Cluster } from '../cli/resources.ts';
import type { FederationPlan } from './configurations.ts';
import { volumesFolder } from './home-paths.ts';
import { endpointText, endpointUrl } from './layout.ts';

/** The lines before the last one. */
export function summaryLines(plan: FederationPlan, demo: Cluster, barrier: string | undefined): string[] {
  const { paths, settings, regions } = plan;
  const rest = regions.map((region) => endpointUrl(region.rest));
  const grpc = regions.map((region) => endpointText(region.clientGrpc));
  return [
    '',
    `  REST     ${rest[0]}  (the other peers: ${rest.slice(1).join(', ')})`,
    `  gRPC     ${grpc[0]}  (the other peers: ${grpc.slice(1).join(', ')}; no TLS, as REST)`,
    '  console: not there yet',
    ...(settings.openstack.length === 0 ? [] : [`  real     Keystone and Heat in ${settings.openstack.join(', ')}`]),
    `  demo     ${demoUri(plan, demo)}`,
    `  clouds   ${paths.clouds}  (OS_CLOUD=demo, admin or viewer; also ${paths.openrc})`,
    `  command  npx --no-install argosy cluster show demo`,
    `  logs     ${paths.logs}`,
    ...(barrier === undefined
      ? []
      : [`  volumes  ${volumesFolder(settings.dataFolder)}  (user ${plan.databaseUser} cannot enter ${barrier})`]),
    '  stop     Ctrl-C',
    '',
  ];
}

function demoUri(plan: FederationPlan, demo: Cluster): string {
  const endpoint = demo.endpoints?.read_write;
  if (endpoint === undefined || endpoint === null) return 'has no endpoint yet';
  const credentials = readCredentials(plan.paths.credentials, demo.id);
  if (credentials !== undefined) return connectionUri(endpoint, credentials, plan.paths.authority);
  return `${endpoint}  (its password is not in ${join(plan.paths.credentials)}; "argosy cluster credentials demo" makes a new one)`;
}
