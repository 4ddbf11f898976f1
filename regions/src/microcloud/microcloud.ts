// Wires microcloud: one plain model, and in front of it either an engine of stacks with its Keystone and Heat, or the
// faces of those services that a real Heat calls.
import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '@argosy/proto';
import type { Logger } from 'pino';
import { GuestProcesses } from '../guests/guest-processes.ts';
import { serveHttp } from '../http-server.ts';
import { ApplicationCredentials } from './application-credentials.ts';
import { Cloud } from './cloud.ts';
import { Collection } from './collection.ts';
import type { MicrocloudSettings, OwnServices, UnderHeat } from './config.ts';
import { EventPush } from './event-push.ts';
import { Belongings } from './faces/belongings.ts';
import { createFaces } from './faces/faces.ts';
import { usedBy } from './faces/quota-routes.ts';
import { Quotas } from './faces/quotas.ts';
import { scopeOfTokenAt } from './faces/scope-of-token.ts';
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

/** A microcloud under a real Heat. */
export interface CloudUnderHeat {
  /** Below it are `/compute/v2.1`, `/network`, `/image` and `/volume/v3/PROJECT`. */
  readonly facesUrl: string;
  /** Stops serving. Servers live on. */
  close(): Promise<void>;
}

export interface MicrocloudWorld {
  readonly clock: Clock;
  readonly log: Logger;
  readonly path: string;
}

/** What is remembered of the machine that we run on. */
interface Machine {
  readonly id: 'machine';
  readonly bootId: string;
  /** Signs tokens. */
  readonly tokenKey: string;
}

export async function startMicrocloud(
  config: MicrocloudSettings & { readonly bind: OwnServices },
  world: MicrocloudWorld,
): Promise<Microcloud> {
  const faults = new Faults(config.faults, () => tokens.expireAll());
  const { cloud, tokenKey } = await openCloud(config, faults, world);
  const tokens: Tokens = new Tokens(tokenKey, world.clock);
  const push = new EventPush(tokens, config.catalog.find(({ type }) => type === 'messaging')?.url);
  const stacks = new Stacks(cloud, world.log, (stack, event) => push.tell(stack, event));
  const { address, keystonePort, heatPort } = config.bind;
  // The catalog tells where both are, and a port may be any free one: the addresses are filled in once they are known.
  const endpoints = { keystone: '', heat: '' };
  const directory = new Directory(config, endpoints);
  const credentials = new ApplicationCredentials(new Collection(join(config.directory, 'application-credentials')));
  const keystone = await serveHttp(
    createKeystone({ directory, tokens, credentials, faults, log: world.log }).callback(),
    {
      address,
      port: keystonePort,
    },
  );
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
      await push.close();
      cloud.close();
    },
  };
}

export async function startUnderHeat(
  config: MicrocloudSettings & { readonly bind: UnderHeat },
  world: MicrocloudWorld,
): Promise<CloudUnderHeat> {
  const { address, facesPort, keystoneUrl } = config.bind;
  const { log } = world;
  // Tokens are the real Keystone's to end.
  const faults = new Faults(config.faults, () => {});
  const { cloud } = await openCloud(config, faults, world);
  cloud.giveUpUnfinished();
  const belongings = new Belongings(new Collection(join(config.directory, 'belongings')));
  const quotas = new Quotas(new Collection(join(config.directory, 'quotas')), (projectId) =>
    usedBy({ cloud, belongings }, projectId),
  );
  const identity = scopeOfTokenAt(keystoneUrl, config.region, world.clock);
  const faces = createFaces({ cloud, belongings, quotas, log, deleting: new Set() }, faults, identity.scopeOf);
  const server = await serveHttp(faces.callback(), { address, port: facesPort });
  return {
    facesUrl: server.url,
    close: async () => {
      await server.close();
      await identity.close();
      cloud.close();
    },
  };
}

/** The model, with what ran when the whole machine last stopped started again. */
async function openCloud(
  config: MicrocloudSettings,
  faults: Faults,
  world: MicrocloudWorld,
): Promise<{ readonly cloud: Cloud; readonly tokenKey: string }> {
  mkdirSync(config.directory, { recursive: true, mode: 0o700 });
  const machines = new Collection<Machine>(join(config.directory, 'machine'));
  const known = machines.get('machine');
  const tokenKey = known?.tokenKey ?? randomBytes(32).toString('hex');
  const processes = new GuestProcesses(config, { path: world.path }, world.clock);
  const cloud = new Cloud(config, { processes, faults, log: world.log });
  if (known?.bootId !== config.bootId) {
    await cloud.boot();
    machines.put({ id: 'machine', bootId: config.bootId, tokenKey });
  }
  return { cloud, tokenKey };
}
