// What a deployment is told: where it serves, and who and what is known in it. Read once, from a JSON file.
import { z } from 'zod';

/** Heat's own default. */
const MAX_STACKS = 512;

const listen = z.strictObject({ address: z.ipv4(), port: z.int().min(1).max(65_535) });

const catalog = z.array(z.strictObject({ type: z.string(), name: z.string(), url: z.string() }));

export const openstackConfig = z.strictObject({
  /** The region's name in the catalog. */
  region: z.string(),
  /** Databases, keys, configurations, logs. */
  directory: z.string(),
  /** Of what does not depend on a deployment and takes time to make. Several may share it. */
  cacheDirectory: z.string(),
  keystone: listen,
  heat: listen,
  projects: z.array(z.strictObject({ id: z.string().regex(/^[0-9a-f]{32}$/), name: z.string() })).min(1),
  users: z.array(
    z.strictObject({ name: z.string(), password: z.string(), project: z.string(), roles: z.array(z.string()) }),
  ),
  /** What the catalog names besides identity and orchestration; `%(project_id)s` stands for the project. */
  catalog,
  /** Further regions behind the same Keystone, each with a Heat and a cloud of its own. */
  others: z.array(z.strictObject({ region: z.string(), heat: listen, catalog })).default([]),
  /** Whether Keystone lets who is signed in by an application credential make trusts, as it did before LP#2150089. */
  applicationTrusts: z.boolean().default(false),
  /** Whether Heat lets one take what is there into a stack. */
  stackAdopt: z.boolean().default(false),
  /** How many stacks a project may have. */
  maxStacks: z.int().min(0).default(MAX_STACKS),
  /** Seconds until a token ends. */
  tokenSeconds: z.int().positive().default(3_600),
  /** A Unix socket whose end is ours. */
  lifeline: z.string().optional(),
});

export type OpenStackSettings = z.output<typeof openstackConfig>;
/** The JSON of `--config`. */
export type OpenStackConfig = z.input<typeof openstackConfig>;

/** Why a deployment cannot be had, in sentences for whoever wants it. */
export class OpenStackUnavailable extends Error {
  override readonly name = 'OpenStackUnavailable';
}
