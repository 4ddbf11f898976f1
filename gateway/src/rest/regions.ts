// /v2/regions
import type { MeasuredWay } from '@argosy/proto';
import { z } from 'zod';
import type { Applied, EntryBody } from '../state/entries.ts';
import type { Federation } from '../state/federation.ts';
import type { Region } from '../state/regions.ts';
import { ApiError } from './errors.ts';
import { readObject } from './objects.ts';
import type { Route, RouteRequest, RouteResponse } from './route.ts';

const MAX_EXECUTORS = 8;
const MICROSECONDS_PER_MS = 1_000;

const waySchema = z.strictObject({
  region: z.string(),
  reachable: z.boolean(),
  round_trip_ms: z.number().optional().meta({ description: 'There and back. Absent: it is not reached.' }),
  detail: z.string().optional().meta({ description: 'Why it is not reached.' }),
});

const regionSchema = z
  .strictObject({
    name: z.string(),
    provider: z.string(),
    jurisdiction: z.string(),
    status: z.enum(['UP', 'UNREACHABLE']),
    detail: z.string().optional().meta({ description: 'Why it cannot be reached.' }),
    drained: z.boolean().meta({ description: 'No new member is placed there.' }),
    members: z.int().meta({ description: 'How many members of all projects are there.' }),
    zones: z.array(z.strictObject({ name: z.string(), free_members: z.int() })),
    flavors: z.array(z.strictObject({ name: z.string(), vcpus: z.int(), memory_mib: z.int() })),
    ways: z.array(waySchema).meta({
      description: 'To the other regions, as this one has measured them last. What is not told has not been measured.',
    }),
    updated_at: z.iso.datetime(),
  })
  .meta({ id: 'Region' });

const name = z.string().regex(/^[a-z0-9-]{1,32}$/, 'must have 1 to 32 of a-z, 0-9 and -');
const newRegionSchema = z.strictObject({
  region: z
    .strictObject({
      name,
      executors: z
        .array(z.string().regex(/^(\[[0-9a-fA-F:]+\]|[^:\s]+):\d{1,5}$/, 'must be address:port'))
        .min(1)
        .max(MAX_EXECUTORS)
        .meta({ description: '`address:port` of each executor, as gateway peers and other regions reach it.' }),
      keystone: z
        .url()
        .max(1_024)
        .refine((url) => url.endsWith('/v3'), 'must end in /v3')
        .optional()
        .meta({ description: 'Its Keystone, when tokens of it shall be good here. Its admins are admins then.' }),
    })
    .meta({ id: 'NewRegion' }),
});

const one = z.strictObject({ region: regionSchema });

export interface RegionRoutesOptions {
  readonly federation: Federation;
  readonly propose: (entry: EntryBody) => Promise<Applied>;
  /** What the regions have measured between each other. */
  readonly ways: () => Promise<readonly MeasuredWay[]>;
}

export function regionRoutes(options: RegionRoutesOptions): Route[] {
  const { federation } = options;
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
      handle: async () => {
        const ways = await options.ways();
        return {
          status: 200,
          body: { regions: federation.regions().map((region) => viewRegion(region, federation, ways)) },
        };
      },
    },
    {
      name: 'regions.show',
      method: 'GET',
      path: '/v2/regions/:name',
      role: 'reader',
      summary: 'One region',
      query: {},
      answers: { 200: one },
      errors: ['region.not_found'],
      handle: ({ parameters }) => answer(demand(parameters.name, federation), options, 200),
    },
    ...membershipRoutes(options),
  ];
}

/** Who joins, who leaves, and who takes no new members. */
function membershipRoutes(options: RegionRoutesOptions): Route[] {
  const { federation } = options;
  return [
    {
      name: 'regions.add',
      method: 'POST',
      path: '/v2/regions',
      role: 'admin',
      summary: 'A region joins the running federation',
      query: {},
      body: newRegionSchema,
      answers: { 201: one },
      errors: ['region.name_taken'],
      handle: (request) => add(request, options),
    },
    {
      name: 'regions.remove',
      method: 'DELETE',
      path: '/v2/regions/:name',
      role: 'admin',
      summary: 'A region leaves the federation, once no member is there',
      query: {},
      answers: { 200: one },
      errors: ['region.not_found', 'region.in_use'],
      handle: async ({ parameters }) => {
        const region = demand(parameters.name, federation);
        const left = viewRegion(region, federation, []);
        await commit({ kind: 'region.removed', name: region.name }, options);
        return { status: 200, body: { region: left } };
      },
    },
    ...(['drain', 'undrain'] as const).map(
      (verb): Route => ({
        name: `regions.${verb}`,
        method: 'POST',
        path: `/v2/regions/:name/${verb}`,
        role: 'admin',
        summary:
          verb === 'drain' ? 'No new member is placed in the region' : 'New members are placed in the region again',
        query: {},
        answers: { 200: one },
        errors: ['region.not_found'],
        handle: async ({ parameters }) => {
          const region = demand(parameters.name, federation);
          await commit({ kind: 'region.drained', name: region.name, isDrained: verb === 'drain' }, options);
          return answer(demand(region.name, federation), options, 200);
        },
      }),
    ),
  ];
}

async function add({ body }: RouteRequest, options: RegionRoutesOptions): Promise<RouteResponse> {
  const { region } = readObject(body, newRegionSchema);
  const { keystone, ...led } = region;
  await commit({ kind: 'region.added', region: { ...led, ...(keystone === undefined ? {} : { keystone }) } }, options);
  return answer(demand(region.name, options.federation), options, 201);
}

/** @throws ApiError with what the state refuses */
async function commit(entry: EntryBody, { propose }: RegionRoutesOptions): Promise<void> {
  const { refused } = await propose(entry);
  if (refused === undefined) return;
  throw new ApiError(refused.code === 'idempotency.repeated' ? 'state.stale' : refused.code, refused.message);
}

async function answer(region: Region, options: RegionRoutesOptions, status: number): Promise<RouteResponse> {
  return { status, body: { region: viewRegion(region, options.federation, await options.ways()) } };
}

function demand(wanted: string | undefined, federation: Federation): Region {
  const region = federation.region(wanted ?? '');
  if (region === undefined) throw new ApiError('region.not_found', `There is no region "${wanted}".`);
  return region;
}

function viewRegion(
  region: Region,
  federation: Federation,
  ways: readonly MeasuredWay[],
): z.infer<typeof regionSchema> {
  return {
    name: region.name,
    provider: region.provider,
    jurisdiction: region.jurisdiction,
    status: region.status,
    ...(region.detail === undefined ? {} : { detail: region.detail }),
    drained: region.isDrained === true,
    members: federation.membersIn(region.name),
    zones: region.zones.map(({ name, freeMembers }) => ({ name, free_members: freeMembers })),
    flavors: region.flavors.map(({ name, vcpus, memoryMib }) => ({ name, vcpus, memory_mib: memoryMib })),
    ways: ways.filter(({ from }) => from === region.name).map(viewWay),
    updated_at: region.updatedAt,
  };
}

function viewWay({ to, reachable, microseconds, detail }: MeasuredWay): z.infer<typeof waySchema> {
  return {
    ...{ region: to, reachable },
    ...(reachable ? { round_trip_ms: microseconds / MICROSECONDS_PER_MS } : {}),
    ...(detail === '' ? {} : { detail }),
  };
}
