// The availability zones, as Nova and Cinder list them. All are up.
import type { Router } from '@koa/router';
import { fault } from './refusals.ts';
import type { Faces } from './requests.ts';

export function addZones(router: Router, { cloud }: Faces): void {
  const zones = cloud.config.zones.map(({ name }) => ({ zoneName: name, zoneState: { available: true } }));
  router.get('/compute/v2.1/os-availability-zone', (context) => {
    context.body = { availabilityZoneInfo: zones.map((zone) => ({ ...zone, hosts: null })) };
  });
  // With its hosts, of which there are none to tell of; clients then ask for the others.
  router.get('/compute/v2.1/os-availability-zone/detail', () => {
    throw fault(403, "Policy doesn't allow os_compute_api:os-availability-zone:detail to be performed.");
  });
  router.get('/volume/v3/:project/os-availability-zone', (context) => {
    context.body = { availabilityZoneInfo: zones };
  });
}
