// What the pieces of this driver share.
import type { DriverOptions } from '../driver.ts';
import { Connection } from './connection.ts';
import type { Layout } from './layout.ts';
import type { MariadbServer } from './server.ts';

export interface Parts {
  readonly options: DriverOptions;
  readonly layout: Layout;
  readonly server: MariadbServer;
  /** The agent's own connection: what it says waits for no copy. */
  readonly control: Connection;
}

export function newConnection({ options, layout }: Pick<Parts, 'options' | 'layout'>): Connection {
  return new Connection({ layout, clock: options.clock, user: options.owner.agentUser });
}
