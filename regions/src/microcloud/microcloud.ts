// Wires microcloud: one plain model, an engine of stacks over it, and the two services in front.
import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '@argosy/proto';
import type { Logger } from 'pino';
import { GuestProcesses } from '../guests/guest-processes.ts';
import { serveHttp } from '../http-server.ts';
import { Cloud } from './cloud.ts';
import { Collection } from './collection.ts';
import type { MicrocloudSettings } from './config.ts';
import { Faults } from './faults.ts';
import { createHeat } from './heat-api.ts';
import { Directory } from './identity.ts';
import { createKeystone } from './keystone-api.ts';
import { Stacks } from './stacks.ts';
import { Tokens } from './tokens.ts';

export interface Microcloud {
  readonly keystoneUrl: string;
  readonly heatUrl: string;
  /** Stops serving. Servers live on. */
  close(): Promise<void>;
}

/** What is remembered of the machine that we run on. */
interface Machine {
  readonly id: 'machine';
  readonly bootId: string;
  /** Signs tokens. */
  readonly tokenKey: string;
}

export async function startMicrocloud(
  config: MicrocloudSettings,
  world: { readonly clock: Clock; readonly log: Logger; readonly path: string },
): Promise<Microcloud> {
  mkdirSync(config.directory, { recursive: true, mode: 0o700 });
  const machines = new Collection<Machine>(join(config.directory, 'machine'));
  const known = machines.get('machine');
  const faults = new Faults(config.faults, () => tokens.expireAll());
  const processes = new GuestProcesses(config, { path: world.path }, world.clock);
  const cloud = new Cloud(config, { processes, faults, log: world.log });
  if (known?.bootId !== config.bootId) {
    await cloud.boot();
    machines.put({
      id: 'machine',
      bootId: config.bootId,
      tokenKey: known?.tokenKey ?? randomBytes(32).toString('hex'),
    });
  }

  const stacks = new Stacks(cloud, world.log);
  const tokens: Tokens = new Tokens(machines.get('machine')?.tokenKey ?? '', world.clock);
  const { address, keystonePort, heatPort } = config.bind;
  // The catalog tells where both are, and a port may be any free one: the addresses are filled in once they are known.
  const endpoints = { keystone: '', heat: '' };
  const directory = new Directory(config, endpoints);
  const keystone = await serveHttp(createKeystone({ directory, tokens, faults, log: world.log }).callback(), {
    address,
    port: keystonePort,
  });
  const heat = await serveHttp(createHeat({ stacks, directory, tokens, faults, log: world.log }).callback(), {
    address,
    port: heatPort,
  });
  endpoints.keystone = keystone.url;
  endpoints.heat = heat.url;

  return {
    keystoneUrl: keystone.url,
    heatUrl: heat.url,
    close: async () => {
      await Promise.allSettled([keystone.close(), heat.close()]);
      await stacks.settle();
      cloud.close();
    },
  };
}
