import type { Discovery, DiscoveryParts } from './discovery.ts';
import type { DrillClient, DrillClientOptions, Driver, DriverOptions } from './driver.ts';
import type { RuledDriver } from './ruled-driver.ts';
import type { OpenSession } from './session.ts';

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
