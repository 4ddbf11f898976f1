// The configuration of a gateway peer: one JSON file, read and checked once.
import { readFileSync } from 'node:fs';
import { z } from 'zod';

const MAX_PORT = 65_535;
const endpoint = z.strictObject({ address: z.string().min(1), port: z.int().min(1).max(MAX_PORT) });

const quota = z.int().min(0);

const config = z.strictObject({
  /** The federation's name, part of every identity. */
  federation: z.string().regex(/^[a-z0-9-]{1,32}$/),
  /** This peer. The id is Raft's and never changes. */
  peer: z.strictObject({ id: z.int().min(1), name: z.string().regex(/^[a-z0-9-]{1,32}$/) }),
  /** Where peers reach this one. */
  grpc: endpoint,
  /** Where clients reach this one. */
  rest: endpoint,
  /** Where clients reach this one by gRPC; absent: nowhere. */
  clientGrpc: endpoint.optional(),
  /** All peers, this one included; `address:port`. */
  peers: z.array(z.strictObject({ id: z.int().min(1), name: z.string(), address: z.string() })).min(1),
  dataDirectory: z.string(),
  /**
   * What `recover` called the peers' cluster; the same at every peer. Absent as long as there was no recovery: with it, a
   * peer that begins with an empty directory waits to be told everything, and founds nothing.
   */
  clusterId: z.string().optional(),
  certificateFile: z.string(),
  keyFile: z.string(),
  rootFile: z.string(),
  /** The own region's first. The URL ends in `/v3`. */
  keystones: z.array(z.strictObject({ name: z.string(), url: z.url() })).min(1),
  /** `address:port` of each executor. */
  regions: z.array(z.strictObject({ name: z.string(), executors: z.array(z.string()).min(1) })),
  /** Projects of several Keystones that are one. */
  projectLinks: z.array(z.array(z.strictObject({ keystone: z.string(), projectId: z.string() })).min(1)).default([]),
  /** How often a project may ask this peer. */
  rateLimit: z
    .strictObject({ requestsPerSecond: z.number().positive().default(50), burst: z.int().min(1).default(200) })
    .prefault({}),
  /** What a project may have; the same at every peer. */
  quotas: z
    .strictObject({
      clusters: quota.default(100),
      members: quota.default(300),
      volumeGib: quota.default(10_000),
      /** What is different for some projects, by their ids. */
      projects: z
        .record(z.string(), z.strictObject({ clusters: quota, members: quota, volumeGib: quota }).partial())
        .default({}),
    })
    .prefault({}),
  drills: z
    .strictObject({
      /** A Unix socket at which the processes of a region can be killed and held down; absent: nobody can. */
      control: z.string().optional(),
      /** Who may rehearse what others feel as well. */
      wide: z.enum(['admin', 'member']).default('admin'),
    })
    .prefault({}),
  /** A Unix socket of a supervisor that makes faults in the network; absent: there is none. */
  networkControl: z.string().optional(),
  /** A Unix socket with whose end this process ends. */
  lifeline: z.string().optional(),
});

export type GatewayConfig = z.infer<typeof config>;

/** @throws Error that names the file and the field. */
export function readConfig(file: string): GatewayConfig {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new Error(`The configuration ${file} cannot be read.`, { cause: error });
  }
  const parsed = config.safeParse(JSON.parse(text));
  if (!parsed.success) throw new Error(`The configuration ${file} is wrong: ${z.prettifyError(parsed.error)}`);
  return parsed.data;
}
