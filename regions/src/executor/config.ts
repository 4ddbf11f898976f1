// What an executor is told. Read once, from a JSON file; secrets stand in files of their own.
import { readFileSync } from 'node:fs';
import type { Credentials, KeyPair } from '@argosy/proto';
import { z } from 'zod';
import { COMPUTE_KINDS } from './member-ways.ts';
import { openstackAccess, type ReadAccount, readAccount } from './openstack-account.ts';

const cidr = z.union([z.cidrv4(), z.cidrv6()]);
const listen = z.strictObject({ address: z.string(), port: z.int().min(0).max(65_535) });

/** How long a stack may stay IN_PROGRESS without an event until it is taken for stuck. A server may boot for minutes. */
const DEFAULT_STUCK_SECONDS = 300;
/** How long Heat may fail to answer until a command that waits for it is given up. It may be repeated. */
const DEFAULT_HEAT_SILENCE_SECONDS = 60;
const DEFAULT_STACK_POLL_MS = 2_000;
export const DEFAULT_CERTIFICATE_DAYS = 30;
const DEFAULT_MEASURE_SECONDS = 10;
const DEFAULT_RENEWAL_CHECK_SECONDS = 3_600;

export const executorConfig = z.strictObject({
  federation: z.string().regex(/^[a-z0-9-]+$/),
  region: z.string().regex(/^[a-z0-9-]+$/),
  /** The company that runs this OpenStack, and the law that it is under (such as `EU`). */
  provider: z.string(),
  jurisdiction: z.string(),
  grpc: listen,
  admin: listen,
  /** PEM: the executor's leaf and the region's intermediate. */
  certificateFile: z.string(),
  keyFile: z.string(),
  rootFile: z.string(),
  intermediateCertificateFile: z.string(),
  intermediateKeyFile: z.string(),
  /** The secret from which enrolment tokens are made. */
  regionKeyFile: z.string(),
  openstack: openstackAccess,
  image: z.string(),
  network: z.string(),
  volumeType: z.string().optional(),
  /** What members run on. On containers and bare metal less can be changed later: see the guide. */
  compute: z.enum(COMPUTE_KINDS).default('server'),
  /** The network that floating addresses are taken from. Without it a port's own address is the one that others dial. */
  floatingNetwork: z.string().optional(),
  /** Where Heat pushes its events to, when the region's catalog says that the service of type `messaging` is there. */
  events: listen.optional(),
  /** From where the security groups of new members admit members and executors, to agent and database. */
  peerCidrs: z.array(cidr).min(1).default(['0.0.0.0/0']),
  /** From where they admit clients, to the database. */
  clientCidrs: z.array(cidr).default(['0.0.0.0/0']),
  /** Networks of members that the provider translates one to one: what they bind, and what others dial. */
  translations: z.array(z.strictObject({ local: z.cidrv4(), advertised: z.cidrv4() })).default([]),
  /** `capacity`: how many members the zone may hold. */
  zones: z.array(z.strictObject({ name: z.string(), capacity: z.int().min(0) })).min(1),
  /** What tenants may ask for, and what it is called in this OpenStack. */
  flavors: z
    .array(
      z.strictObject({
        name: z.string(),
        openstackFlavor: z.string(),
        vcpus: z.int(),
        memoryMib: z.int(),
        /** For one member and hour, in thousandths of the operator's unit of account. */
        costMilli: z.int().min(0).default(0),
      }),
    )
    .min(1),
  /** Executors of other regions, to which round trips are measured. */
  peers: z
    .array(
      z.strictObject({
        region: z.string(),
        /** `ip:port` */
        address: z.string().regex(/^(\[[0-9a-fA-F:]+\]|[^:\s]+):\d+$/),
        /** The name in its certificate: what answers must have it, else the region does not count as reached. */
        serverName: z.string().optional(),
      }),
    )
    .default([]),
  measureEverySeconds: z.number().positive().default(DEFAULT_MEASURE_SECONDS),
  lifeline: z.string().optional(),
  stuckAfterSeconds: z.number().positive().default(DEFAULT_STUCK_SECONDS),
  /** How long new certificates are good for; each is renewed when a third of its life is left. */
  memberCertificateDays: z.number().positive().default(DEFAULT_CERTIFICATE_DAYS),
  executorCertificateDays: z.number().positive().default(DEFAULT_CERTIFICATE_DAYS),
  /** How often certificates are looked at. */
  renewalCheckSeconds: z.number().positive().default(DEFAULT_RENEWAL_CHECK_SECONDS),
  heatSilenceSeconds: z.number().positive().default(DEFAULT_HEAT_SILENCE_SECONDS),
  stackPollMs: z.int().positive().default(DEFAULT_STACK_POLL_MS),
});

export type ExecutorSettings = z.output<typeof executorConfig>;
/** The JSON of `--config`. */
export type ExecutorConfig = z.input<typeof executorConfig>;

/** What the configuration's files hold. */
export interface ExecutorSecrets {
  readonly own: Credentials;
  /** The region's authority. */
  readonly intermediate: KeyPair;
  readonly regionKey: string;
  readonly openstack: ReadAccount;
}

export function readSecrets(config: ExecutorSettings): ExecutorSecrets {
  const read = (path: string): string => readFileSync(path, 'utf8');
  return {
    own: { certificate: read(config.certificateFile), key: read(config.keyFile), root: read(config.rootFile) },
    intermediate: {
      certificate: read(config.intermediateCertificateFile),
      key: read(config.intermediateKeyFile),
    },
    regionKey: read(config.regionKeyFile).trim(),
    openstack: readAccount(config.openstack),
  };
}
