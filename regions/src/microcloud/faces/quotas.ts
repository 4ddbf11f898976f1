// The quotas of Nova, Cinder and Neutron: none for a project until an administrator sets one, as the stock client does.
// What is there is counted when more is asked for.
import type { Collection } from '../collection.ts';
import type { HttpError } from '../web.ts';
import { fault, neutronError } from './refusals.ts';

const UNLIMITED = -1;
export const NAMES = {
  compute: ['instances', 'cores', 'ram', 'server_groups'],
  volume: ['volumes', 'gigabytes'],
  network: ['port', 'security_group'],
} as const;
type Service = keyof typeof NAMES;
export type Resource = (typeof NAMES)[Service][number];
/** Of `cores` vCPUs, of `ram` MiB, of `gigabytes` GiB; of the others so many. */
export type Amounts = Readonly<Partial<Record<Resource, number>>>;

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
  readonly #usedBy: (projectId: string) => Readonly<Record<Resource, number>>;

  constructor(kept: Collection<Quota>, usedBy: (projectId: string) => Readonly<Record<Resource, number>>) {
    this.#kept = kept;
    this.#usedBy = usedBy;
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
  demand(projectId: string, service: Service, more: Amounts): void {
    const [limits, used] = [this.of(projectId, service), this.#usedBy(projectId)];
    for (const name of NAMES[service]) {
      const limit = limits[name] ?? UNLIMITED;
      if (limit !== UNLIMITED && used[name] + (more[name] ?? 0) > limit)
        throw REFUSALS[service](name, limit, used[name]);
    }
  }
}
