// What microcloud is told about the region that it plays. Read once, from a JSON file.
import { z } from 'zod';

/** Heat's own default. */
const MAX_STACKS = 512;

const port = z.int().min(0).max(65_535);

/** With its own Keystone and Heat. Port 0: any free one. */
const ownServices = z.strictObject({
  /** A loopback address. */
  address: z.string(),
  keystonePort: port,
  heatPort: port,
});

/** As Nova, Neutron, Glance and Cinder under a real Keystone and Heat. */
const underHeat = z.strictObject({
  address: z.string(),
  facesPort: port,
  /** The Keystone whose tokens are good here. */
  keystoneUrl: z.url(),
});

export const microcloudConfig = z.strictObject({
  region: z.string(),
  bind: z.union([ownServices, underHeat]),
  /** State, consoles. */
  directory: z.string(),
  volumesDirectory: z.string(),
  /** Short, for Unix sockets live below it. */
  runDirectory: z.string(),
  /** Names one life of the whole machine: when it changes, servers that were active are booted again. */
  bootId: z.string(),
  /** A Unix socket whose end is ours and the servers'. */
  lifeline: z.string().optional(),
  /** What a server runs. */
  serverCommand: z.array(z.string()).min(1),
  /** Opens the door for faults (`PUT /faults` on Heat's port, or the faces'), which nothing guards. */
  faults: z.boolean().default(false),
  enginesFile: z.string().optional(),
  databaseUser: z.string().optional(),
  /** `capacity`: how many servers the zone's hosts can take. */
  zones: z.array(z.strictObject({ name: z.string(), capacity: z.int().min(0).optional() })).min(1),
  /** `ram` in MiB, `disk` in GiB. */
  flavors: z.array(z.strictObject({ name: z.string(), vcpus: z.int(), ram: z.int(), disk: z.int() })).min(1),
  images: z.array(z.string()).min(1),
  networks: z.array(z.strictObject({ name: z.string(), cidr: z.cidrv4(), firstHost: z.ipv4() })).min(1),
  projects: z.array(z.strictObject({ id: z.string(), name: z.string() })).min(1),
  users: z.array(
    z.strictObject({ name: z.string(), password: z.string(), project: z.string(), roles: z.array(z.string()) }),
  ),
  /** How many stacks a project may have. */
  maxStacks: z.int().min(0).default(MAX_STACKS),
  /** What the catalog names besides identity and orchestration. */
  catalog: z.array(z.strictObject({ type: z.string(), name: z.string(), url: z.string() })).default([]),
});

export type MicrocloudSettings = z.output<typeof microcloudConfig>;
export type OwnServices = z.output<typeof ownServices>;
export type UnderHeat = z.output<typeof underHeat>;
/** The JSON of `--config`. */
export type MicrocloudConfig = z.input<typeof microcloudConfig>;
