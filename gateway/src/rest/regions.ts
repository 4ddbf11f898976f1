// /v2/regions
import type { Federation } from '../state/federation.ts';
import type { Region } from '../state/regions.ts';
import { ApiError } from './errors.ts';
import type { Route } from './route.ts';

export function regionRoutes(federation: Federation): Route[] {
  return [
    {
      name: 'regions.list',
      method: 'GET',
      path: '/v2/regions',
      role: 'reader',
      query: [],
      handle: () => ({ status: 200, body: { regions: federation.regions().map(viewRegion) } }),
    },
    {
      name: 'regions.show',
      method: 'GET',
      path: '/v2/regions/:name',
      role: 'reader',
      query: [],
      handle: ({ parameters }) => {
        const region = federation.region(parameters.name ?? '');
        if (region === undefined) throw new ApiError('region.not_found', `There is no region "${parameters.name}".`);
        return { status: 200, body: { region: viewRegion(region) } };
      },
    },
  ];
}

function viewRegion(region: Region): object {
  return {
    name: region.name,
    provider: region.provider,
    jurisdiction: region.jurisdiction,
    status: region.status,
    ...(region.detail === undefined ? {} : { detail: region.detail }),
    zones: region.zones.map(({ name, freeMembers }) => ({ name, free_members: freeMembers })),
    flavors: region.flavors.map(({ name, vcpus, memoryMib }) => ({ name, vcpus, memory_mib: memoryMib })),
    updated_at: region.updatedAt,
  };
}
