// The drivers by the name of their datastore. Only an agent imports this.
import type { EngineDriver } from './engine-driver.ts';

export type { Discovery, DiscoveryMember, DiscoveryParts, DiscoveryView } from './discovery.ts';
export {
  type Admin,
  type CommitRule,
  type DatabaseOwner,
  DivergedError,
  type DrillClient,
  type DrillClientOptions,
  type Driver,
  type DriverClock,
  DriverError,
  type DriverLog,
  type DriverOptions,
  type Engine,
  type KeptTail,
  type LeaseRule,
  type PrimaryRole,
  type ProbeResult,
  type Processes,
  type Program,
  type ProgramResult,
  type Progress,
  type ReplicaRole,
  type Role,
  type ServerCertificate,
  type ServerDriver,
  type Stream,
  type Upstream,
} from './driver.ts';
export {
  ensureFolder,
  type Files,
  readIfThere,
  removeDurably,
  syncFolder,
  systemFiles,
  writeDurably,
} from './durable-files.ts';
export type { EngineDriver } from './engine-driver.ts';
export { installArguments } from './mariadb/copy.ts';
export { initdbArguments } from './postgresql/template.ts';
export { systemProcesses } from './processes.ts';
export type { RuledDriver } from './ruled-driver.ts';
export type { OpenSession, Row, Session, SessionSettings } from './session.ts';

/** Each is loaded when it is asked for: a driver brings its database's client along, and an agent needs one. */
export const drivers: Readonly<Record<string, () => Promise<EngineDriver>>> = {
  etcd: async () => (await import('./etcd/engine.ts')).etcdEngine,
  mariadb: async () => (await import('./mariadb/engine.ts')).mariadbEngine,
  postgresql: async () => (await import('./postgresql/engine.ts')).postgresqlEngine,
  redis: async () => (await import('./redis/engine.ts')).redisEngine,
};
