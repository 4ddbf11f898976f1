// How quotas are shown and set, and what is counted against them.
import type { Router } from '@koa/router';
import type { Context } from 'koa';
import { bodyOf } from '../web.ts';
import { type Amounts, NAMES, type Resource } from './quotas.ts';
import { fault } from './refusals.ts';
import { type Faces, mayAdminister } from './requests.ts';

export function addQuotas(router: Router, faces: Faces): void {
  const places = [
    ['compute', '/compute/v2.1/os-quota-sets', 'quota_set'],
    ['volume', '/volume/v3/:own/os-quota-sets', 'quota_set'],
    ['network', '/network/v2.0/quotas', 'quota'],
  ] as const;
  for (const [service, path, key] of places) {
    const tell = (context: Context): void => {
      const { project } = context.params as { project: string };
      const id = service === 'network' ? {} : { id: project };
      context.body = { [key]: { ...id, ...faces.quotas.of(project, service) } };
    };
    router.get(`${path}/:project`, tell);
    router.put(`${path}/:project`, (context: Context) => {
      if (!mayAdminister(context)) throw fault(403, "Policy doesn't allow a change of quotas to be performed.");
      const wanted = bodyOf(context)[key] as Amounts;
      const known = NAMES[service].filter((name) => typeof wanted[name] === 'number');
      faces.quotas.set(String(context.params.project), Object.fromEntries(known.map((name) => [name, wanted[name]])));
      tell(context);
    });
  }
}

/** What a project has of everything that is limited. */
export function usedBy(
  { cloud, belongings }: Pick<Faces, 'cloud' | 'belongings'>,
  projectId: string,
): Readonly<Record<Resource, number>> {
  const servers = belongings.of(projectId, 'server').flatMap(({ id }) => cloud.server(id) ?? []);
  const flavors = servers.map((server) => cloud.config.flavors.find(({ name }) => name === server.flavor));
  const volumes = belongings.of(projectId, 'volume').flatMap(({ id }) => cloud.volume(id) ?? []);
  return {
    instances: servers.length,
    cores: sum(flavors.map((flavor) => flavor?.vcpus ?? 0)),
    ram: sum(flavors.map((flavor) => flavor?.ram ?? 0)),
    server_groups: belongings.of(projectId, 'server-group').length,
    volumes: volumes.length,
    gigabytes: sum(volumes.map(({ sizeGib }) => sizeGib)),
    port: belongings.of(projectId, 'port').length,
    security_group: belongings.of(projectId, 'security-group').length,
  };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
