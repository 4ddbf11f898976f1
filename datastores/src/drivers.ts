// The drivers by the name of their datastore. Only an agent imports this: a driver brings its database client along.
import type { Discovery, DiscoveryParts } from './discovery.ts';
import type { DrillClient, DrillClientOptions, Driver, DriverOptions } from './driver.ts';
import { etcdDriver } from './etcd/driver.ts';
import { connectForDrill as connectToMariadbForDrill } from './mariadb/drill-client.ts';
import { mariadbDriver } from './mariadb/driver.ts';
import { galeraArbiter } from './mariadb/galera/arbiter.ts';
import { galeraDriver } from './mariadb/galera/driver.ts';
import { connectForDrill } from './postgresql/drill-client.ts';
import { postgresqlDriver } from './postgresql/driver.ts';
import { postgresqlSession } from './postgresql/session.ts';
import { redisDriver } from './redis/driver.ts';
import { redisDiscovery } from './redis/sentinel-server.ts';
import type { RuledDriver } from './ruled-driver.ts';
import type { OpenSession } from './session.ts';

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
export { installArguments } from './mariadb/copy.ts';
export { initdbArguments } from './postgresql/template.ts';
export { systemProcesses } from './processes.ts';
export type { RuledDriver } from './ruled-driver.ts';
export type { OpenSession, Row, Session, SessionSettings } from './session.ts';

/** What an agent needs of an engine. */
export interface EngineDriver {
  /** Of a cluster that Argosy rules; absent: there are none. */
  readonly create?: (options: DriverOptions) => Driver;
  /** Of one whose engine rules itself; absent: there are none. */
  readonly createRuled?: (options: DriverOptions) => RuledDriver;
  /** Of such a cluster's member without data; absent: it has none. */
  readonly createArbiter?: (options: DriverOptions) => RuledDriver;
  /** How it connects to a server on a real machine; absent where the driver brings a client of its own. */
  readonly session?: OpenSession;
  /** How a drill comes to the member that takes writes, undefined when none does now; absent: no drill can write there. */
  readonly connectForDrill?: (options: DrillClientOptions) => Promise<DrillClient | undefined>;
  /** How its clients find the primary in the engine's own way; on the definition's `discoveryPort`. */
  readonly discovery?: (parts: DiscoveryParts) => Discovery;
}

export const drivers: Readonly<Record<string, EngineDriver>> = {
  mariadb: {
    ...{ create: mariadbDriver, createRuled: galeraDriver, createArbiter: galeraArbiter },
    connectForDrill: connectToMariadbForDrill,
  },
  postgresql: { create: postgresqlDriver, session: postgresqlSession, connectForDrill },
  redis: { create: redisDriver, discovery: redisDiscovery },
  etcd: { createRuled: etcdDriver },
};
