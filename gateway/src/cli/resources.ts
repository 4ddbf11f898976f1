// What the gateway answers, as far as the command line shows it. Unknown fields are kept, missing ones are not fatal: an
// older or newer gateway still has readable answers.
import { z } from 'zod';

const id = z.union([z.string(), z.number()]).transform(String);
const time = z.string().nullish();

const stepSchema = z.looseObject({
  id,
  kind: z.string(),
  member: z.string().nullish(),
  region: z.string().nullish(),
  zone: z.string().nullish(),
  status: z.string(),
  attempts: z.number().nullish(),
  started_at: time,
  finished_at: time,
  error: z.unknown().optional(),
});

const operationSchema = z.looseObject({
  id: z.string(),
  kind: z.string().default(''),
  target: z.unknown().optional(),
  status: z.string(),
  steps: z.array(stepSchema).default([]),
  error: z.unknown().optional(),
  superseded_by: z.string().nullish(),
  created_at: time,
  updated_at: time,
});

const memberSchema = z.looseObject({
  id: z.string(),
  role: z.string().nullish(),
  kind: z.string().nullish(),
  region: z.string().nullish(),
  zone: z.string().nullish(),
  status: z.string().nullish(),
  address: z.string().nullish(),
  port: z.number().nullish(),
  lag_bytes: z.number().nullish(),
  leads: z.boolean().nullish(),
  /** When the leader heard of it last; null while it has not. */
  observed_at: time,
  parameter_generation: z.number().default(0),
});

const clusterSchema = z.looseObject({
  id: z.string(),
  name: z.string(),
  project_id: z.string().nullish(),
  status: z.string(),
  epoch: z.number().nullish(),
  datastore: z.looseObject({ type: z.string(), version: z.string().nullish() }).optional(),
  flavor: z.string().nullish(),
  volume: z.looseObject({ size: z.number() }).nullish(),
  topology: z
    .looseObject({
      ...{ voters: z.number(), replicas: z.number().default(0), arbiters: z.number().default(0) },
      mode: z.string().optional(),
    })
    .optional(),
  placement: z
    .looseObject({
      survive: z.string().nullish(),
      regions: z.array(z.string()).nullish(),
      residency: z.array(z.string()).nullish(),
    })
    .optional(),
  durability: z
    .looseObject({
      mode: z.string().nullish(),
      rpo_seconds: z.number().nullish(),
      on_loss: z.string().nullish(),
      on_replica_loss: z.string().nullish(),
    })
    .nullish(),
  exposed: z.boolean().nullish(),
  parameters: z.record(z.string(), z.string()).default({}),
  parameter_generation: z.number().default(0),
  members: z.array(memberSchema).default([]),
  endpoints: z
    .looseObject({
      read_write: z.string().nullish(),
      read_only: z.string().nullish(),
      local: z.record(z.string(), z.string()).nullish(),
    })
    .nullish(),
  /** The change that is under way, or was the last. */
  operation_id: z.string().nullish(),
  created_at: time,
  updated_at: time,
});

const credentialsSchema = z.looseObject({
  username: z.string(),
  password: z.string(),
  database: z.string().nullish(),
});

const regionSchema = z.looseObject({
  name: z.string(),
  provider: z.string().nullish(),
  jurisdiction: z.string().nullish(),
  status: z.string().nullish(),
  detail: z.string().nullish(),
  drained: z.boolean().nullish(),
  members: z.number().nullish(),
  ways: z
    .array(
      z.looseObject({
        region: z.string(),
        reachable: z.boolean(),
        round_trip_ms: z.number().nullish(),
        detail: z.string().nullish(),
      }),
    )
    .default([]),
  zones: z.array(z.looseObject({ name: z.string(), free_members: z.number().nullish() })).default([]),
  flavors: z
    .array(z.looseObject({ name: z.string(), vcpus: z.number().nullish(), memory_mib: z.number().nullish() }))
    .default([]),
});

const datastoreSchema = z.looseObject({
  type: z.string(),
  versions: z.array(z.union([z.string(), z.looseObject({ version: z.string() })])).default([]),
  default_version: z.string().nullish(),
  port: z.number().nullish(),
  durability_modes: z.array(z.string()).default([]),
  topologies: z
    .array(
      z.looseObject({
        mode: z.string(),
        members: z.looseObject({ min: z.number(), max: z.number() }),
        has_arbiters: z.boolean().default(false),
      }),
    )
    .default([]),
  privileges: z.array(z.string()).default([]),
});

const datastoreDetailSchema = datastoreSchema.extend({
  parameters: z.array(
    z.looseObject({
      name: z.string(),
      description: z.string(),
      values: z.string(),
      default: z.string().nullish(),
      restart: z.boolean(),
    }),
  ),
  reserved_parameters: z.array(z.looseObject({ name: z.string(), reason: z.string() })).default([]),
});

const userSchema = z.looseObject({
  name: z.string(),
  grants: z.array(z.looseObject({ database: z.string(), privilege: z.string() })).default([]),
  status: z.string().nullish(),
});

const planSchema = z.looseObject({
  plan_hash: z.string(),
  steps: z.array(
    z.looseObject({
      kind: z.string(),
      member: z.string(),
      region: z.string().nullish(),
      zone: z.string().nullish(),
      round: z.number(),
      blocked: z.string().nullish(),
    }),
  ),
  placement: z.looseObject({
    members: z.array(
      z.looseObject({ member: z.string(), kind: z.string(), region: z.string(), zone: z.string().nullish() }),
    ),
    reasons: z.array(z.string()).default([]),
  }),
});

const eventSchema = z.looseObject({
  id: z.string(),
  at: z.string(),
  kind: z.string(),
  cluster_id: z.string().nullish(),
  operation_id: z.string().nullish(),
  message: z.string().default(''),
});

const momentSchema = z.looseObject({ at: z.string(), kind: z.string(), message: z.string().default('') });

const drillSchema = z.looseObject({
  id: z.string(),
  kind: z.string(),
  cluster: z.string(),
  region: z.string().nullable().default(null),
  status: z.string(),
  phase: z.string().nullish(),
  schedule: z.string().nullish(),
  next_at: time,
  timeline: z.array(momentSchema).default([]),
  report: z
    .looseObject({
      rto_ms: z.number().nullish(),
      rpo_ms: z.number().nullish(),
      acknowledged_writes: z.number(),
      lost_writes: z.number().nullish(),
      doubled_writes: z.number().nullish(),
      verdict: z.string(),
      reasons: z.array(z.string()).default([]),
      before: z.looseObject({ primary: z.string() }),
      after: z.looseObject({ primary: z.string() }).nullish(),
    })
    .nullable()
    .default(null),
  created_at: time,
});

export type Drill = z.infer<typeof drillSchema>;
export type Plan = z.infer<typeof planSchema>;
export type Event = z.infer<typeof eventSchema>;
export type Step = z.infer<typeof stepSchema>;
export type Operation = z.infer<typeof operationSchema>;
export type Member = z.infer<typeof memberSchema>;
export type Cluster = z.infer<typeof clusterSchema>;
export type Credentials = z.infer<typeof credentialsSchema>;
export type Region = z.infer<typeof regionSchema>;
export type Datastore = z.infer<typeof datastoreSchema>;
export type DatastoreDetail = z.infer<typeof datastoreDetailSchema>;
export type User = z.infer<typeof userSchema>;

const link = z.looseObject({ rel: z.string(), href: z.string() });

export const clusterAnswer = z.looseObject({ cluster: clusterSchema });
export const clustersAnswer = z.looseObject({ clusters: z.array(clusterSchema), links: z.array(link).default([]) });
export const planAnswer = z.looseObject({ plan: planSchema });
export const drillAnswer = z.looseObject({ drill: drillSchema });
export const drillsAnswer = z.looseObject({ drills: z.array(drillSchema) });
export const eventsAnswer = z.looseObject({ events: z.array(eventSchema) });
export const operationAnswer = z.looseObject({ operation: operationSchema });
export const operationsAnswer = z.looseObject({
  operations: z.array(operationSchema),
  links: z.array(link).default([]),
});
const projectLinkSchema = z.looseObject({
  id: z.string(),
  projects: z.array(z.looseObject({ keystone: z.string(), project_id: z.string() })),
});
export type ProjectLink = z.infer<typeof projectLinkSchema>;
export const projectLinkAnswer = z.looseObject({ project_link: projectLinkSchema });
export const projectLinksAnswer = z.looseObject({ project_links: z.array(projectLinkSchema) });
export const regionAnswer = z.looseObject({ region: regionSchema });
/** Of one peer's `/readyz`. */
export const readyAnswer = z.looseObject({ reason: z.string() });
export const orphansAnswer = z.looseObject({
  orphans: z.array(
    z.looseObject({
      stack_id: z.string().nullish(),
      stack_name: z.string().nullish(),
      member_id: z.string().nullish(),
      kind: z.string(),
      why: z.string(),
      removable: z.boolean(),
      removed: z.boolean(),
      advice: z.string().nullish(),
    }),
  ),
});
export const regionsAnswer = z.looseObject({ regions: z.array(regionSchema) });
export const datastoreAnswer = z.looseObject({ datastore: datastoreDetailSchema });
export const userAnswer = z.looseObject({ user: userSchema });
export const usersAnswer = z.looseObject({ users: z.array(userSchema) });
export const databasesAnswer = z.looseObject({
  databases: z.array(z.looseObject({ name: z.string(), status: z.string().nullish() })),
});
export const datastoresAnswer = z.looseObject({ datastores: z.array(datastoreSchema) });

/** The answer to a change: what it concerns, its operation, and a password that is told this once. */
export const changeAnswer = z.looseObject({
  cluster: clusterSchema.optional(),
  operation: operationSchema.optional(),
  credentials: credentialsSchema.optional(),
});
export type ChangeAnswer = z.infer<typeof changeAnswer>;
