// /v2/regions
import { z } from 'zod';
import type { Federation } from '../state/federation.ts';
import type { Region } from '../state/regions.ts';
import { ApiError } from './errors.ts';
import type { Route } from './route.ts';

const regionSchema = z
  .strictObject({
    name: z.string(),
    provider: z.string(),
    jurisdiction: z.string(),
    status: z.enum(['UP', 'UNREACHABLE']),
    detail: z.string().optional().meta({ description: 'Why it cannot be reached.' }),
    zones: z.array(z.strictObject({ name: z.string(), free_members: z.int() })),
    flavors: z.array(z.strictObject({ name: z.string(), vcpus: z.int(), memory_mib: z.int() })),
    updated_at: z.iso.datetime(),
  })
  .meta({ id: 'Region' });

export function regionRoutes(federation: Federation): Route[] {
  return [
    {
      name: 'regions.list',
      method: 'GET',
      path: '/v2/regions',
      role: 'reader',
      summary: 'The regions, as they were last heard of',
      query: {},
      answers: { 200: z.strictObject({ regions: z.array(regionSchema) }) },
      errors: [],
      handle: () => ({ status: 200, body: { regions: federation.regions().map(viewRegion) } }),
    },
    {
      name: 'regions.show',
      method: 'GET',
      path: '/v2/regions/:name',
      role: 'reader',
      summary: 'One region',
      query: {},
      answers: { 200: z.strictObject({ region: regionSchema }) },
      errors: ['region.not_found'],
      handle: ({ parameters }) => {
        const region = federation.region(parameters.name ?? '');
        if (region === undefined) throw new ApiError('region.not_found', `There is no region "${parameters.name}".`);
        return { status: 200, body: { region: viewRegion(region) } };
      },
    },
  ];
}

function viewRegion(region: Region): z.infer<typeof regionSchema> {
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
