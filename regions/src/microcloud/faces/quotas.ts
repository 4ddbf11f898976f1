// The quotas of Nova, Cinder and Neutron: none for a project until an administrator sets one, as the stock client does.
// What is there is counted when more is asked for.
import type { Router } from '@koa/router';
import type { Context } from 'koa';
import type { Collection } from '../collection.ts';
import { bodyOf, type HttpError } from '../web.ts';
import { type Faces, fault, mayAdminister, neutronError } from './requests.ts';

const UNLIMITED = -1;
const NAMES = {
  compute: ['instances', 'cores', 'ram', 'server_groups'],
  volume: ['volumes', 'gigabytes'],
  network: ['port', 'security_group'],
} as const;
type Service = keyof typeof NAMES;
type Resource = (typeof NAMES)[Service][number];
/** Of `cores` vCPUs, of `ram` MiB, of `gigabytes` GiB; of the others so many. */
type Amounts = Readonly<Partial<Record<Resource, number>>>;

/** `id`: the project's. */
export interface Quota {
  readonly id: string;
  readonly limits: Amounts;
}

/** How each service says that there is no more. */
const REFUSALS: Readonly<Record<Service, (resource: Resource, limit: number, used: number) => HttpError>> = {
  compute: (resource, limit, used) =>
    fault(403, `Quota exceeded for ${resource}: already used ${used} of ${limit} ${resource}`),
  volume: (resource, limit) =>
    fault(413, `Maximum of ${resource} allowed (${limit}) exceeded for quota '${resource}'.`),
  network: (resource) => neutronError(409, 'OverQuota', `Quota exceeded for resources: ['${resource}'].`),
};

export class Quotas {
  readonly #kept: Collection<Quota>;

  constructor(kept: Collection<Quota>) {
    this.#kept = kept;
  }

  /** All of a service's. */
  of(projectId: string, service: Service): Amounts {
    const limits = this.#kept.get(projectId)?.limits;
    return Object.fromEntries(NAMES[service].map((name) => [name, limits?.[name] ?? UNLIMITED]));
  }

  set(projectId: string, limits: Amounts): void {
    this.#kept.put({ id: projectId, limits: { ...this.#kept.get(projectId)?.limits, ...limits } });
  }

  /** @throws HttpError in the service's words, when the project may not have as much more. */
  demand(faces: Faces, projectId: string, service: Service, more: Amounts): void {
    const [limits, used] = [this.of(projectId, service), usedBy(faces, projectId)];
    for (const name of NAMES[service]) {
      const limit = limits[name] ?? UNLIMITED;
      if (limit !== UNLIMITED && used[name] + (more[name] ?? 0) > limit)
        throw REFUSALS[service](name, limit, used[name]);
    }
  }
}

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

function usedBy({ cloud, belongings }: Faces, projectId: string): Readonly<Record<Resource, number>> {
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
