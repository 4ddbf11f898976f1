// /v2/quotas: how much of everything a project may have, and has. What counts is what is wanted, so a member that is
// moved counts once; a cluster counts until nothing of it is left.
import { z } from 'zod';
import { type Cluster, wantedMembers } from '../state/clusters.ts';
import type { Federation } from '../state/federation.ts';
import { ApiError } from './errors.ts';
import type { Route } from './route.ts';

export interface Usage {
  readonly clusters: number;
  readonly members: number;
  readonly volumeGib: number;
}

export interface QuotasOptions {
  readonly federation: Federation;
  readonly limits: Usage;
  /** What is different for some projects, by their ids. */
  readonly projects: Readonly<Record<string, { readonly [Name in keyof Usage]?: number | undefined }>>;
}

const KINDS = ['clusters', 'members', 'volumeGib'] as const;
const TITLES = { clusters: 'clusters', members: 'members', volumeGib: 'GiB of volumes' } as const;
const NOTHING: Usage = { clusters: 0, members: 0, volumeGib: 0 };

const usageSchema = z.strictObject({ clusters: z.int(), members: z.int(), volume_gib: z.int() });
const quotasAnswer = z.strictObject({
  quotas: z.array(z.strictObject({ project_id: z.string(), limit: usageSchema, used: usageSchema })),
});

export class Quotas {
  readonly #options: QuotasOptions;
  /** Changes that were admitted and are not applied yet, by project. */
  readonly #underWay = new Map<string, Set<Usage>>();

  constructor(options: QuotasOptions) {
    this.#options = options;
  }

  /**
   * Sets aside what the cluster will need more than it has. To be called on the leader; the answer gives it back, once
   * the change is applied or dropped. @throws ApiError quota.exceeded
   */
  reserve(after: Cluster): () => void {
    const { projectId } = after;
    const before = this.#options.federation.cluster(after.id);
    const more = subtract(usageOf(after), before === undefined ? NOTHING : usageOf(before));
    const pending = this.#underWay.get(projectId) ?? new Set<Usage>();
    const used = [...pending].reduce(add, this.#used(projectId));
    const limit = this.#limit(projectId);
    const exceeded = KINDS.filter((kind) => more[kind] > 0 && used[kind] + more[kind] > limit[kind]);
    if (exceeded.length > 0) {
      const sentences = exceeded.map(
        (kind) => `${TITLES[kind]}: ${used[kind]} used, ${more[kind]} more wanted, the limit is ${limit[kind]}`,
      );
      throw new ApiError('quota.exceeded', `This is beyond the project's quota. ${sentences.join('; ')}.`);
    }
    // What becomes free is not lent to others before it is.
    const growth = { ...more };
    for (const kind of KINDS) growth[kind] = Math.max(0, growth[kind]);
    this.#underWay.set(projectId, pending.add(growth));
    return () => {
      pending.delete(growth);
      if (pending.size === 0) this.#underWay.delete(projectId);
    };
  }

  routes(): Route[] {
    return [
      {
        name: 'quotas.list',
        method: 'GET',
        path: '/v2/quotas',
        role: 'admin',
        summary: 'What each project may have, and has',
        query: {},
        answers: { 200: quotasAnswer },
        errors: [],
        handle: () => {
          const owners = this.#options.federation.clusters().map(({ projectId }) => projectId);
          const projects = [...new Set([...owners, ...Object.keys(this.#options.projects)])].sort();
          return { status: 200, body: { quotas: projects.map((projectId) => this.#view(projectId)) } };
        },
      },
    ];
  }

  #view(projectId: string): z.infer<typeof quotasAnswer>['quotas'][number] {
    return {
      project_id: projectId,
      limit: viewUsage(this.#limit(projectId)),
      used: viewUsage(this.#used(projectId)),
    };
  }

  #used(projectId: string): Usage {
    const own = this.#options.federation.clusters().filter((cluster) => cluster.projectId === projectId);
    return own.map(usageOf).reduce(add, NOTHING);
  }

  #limit(projectId: string): Usage {
    const { limits, projects } = this.#options;
    const own = Object.hasOwn(projects, projectId) ? projects[projectId] : undefined;
    return {
      clusters: own?.clusters ?? limits.clusters,
      members: own?.members ?? limits.members,
      volumeGib: own?.volumeGib ?? limits.volumeGib,
    };
  }
}

function usageOf(cluster: Cluster): Usage {
  const members = cluster.wanted === 'absent' ? [] : wantedMembers(cluster);
  const withData = members.filter(({ kind }) => kind !== 'arbiter').length;
  return { clusters: 1, members: members.length, volumeGib: withData * cluster.spec.volume.size };
}

function add(left: Usage, right: Usage): Usage {
  return {
    clusters: left.clusters + right.clusters,
    members: left.members + right.members,
    volumeGib: left.volumeGib + right.volumeGib,
  };
}

function subtract(left: Usage, right: Usage): Usage {
  return {
    clusters: left.clusters - right.clusters,
    members: left.members - right.members,
    volumeGib: left.volumeGib - right.volumeGib,
  };
}

function viewUsage({ clusters, members, volumeGib }: Usage): z.infer<typeof usageSchema> {
  return { clusters, members, volume_gib: volumeGib };
}
