// A region: its Heat, and the process of its executor, which is the real one without its ports.
import type { AgentServiceClient, AgentServiceServer } from '@argosy/proto';
import {
  type AgentFace,
  type AgentLinks,
  assembleRegion,
  ExecutorMetrics,
  executorConfig,
  type Location,
} from '@argosy/regions';
import { type CallWorld, ClientStream, type Server, unary } from './calls.ts';
import type { Guest, GuestWorld } from './guest.ts';
import { SimulatedHeat } from './heat.ts';
import { SimulatedProcess } from './process.ts';
import { silentLog } from './silent-log.ts';

const LOOK_MS = 3_000;

export interface RegionWorld extends GuestWorld {
  readonly calls: CallWorld;
  guestAt(address: string): Guest | undefined;
  nextAddress(): string;
}

export class SimulatedRegion {
  readonly name: string;
  readonly heat: SimulatedHeat;
  executor: SimulatedProcess | undefined;
  serving: Server | undefined;
  readonly #world: RegionWorld;
  readonly #federation: string;
  #end: () => void = () => undefined;

  constructor(name: string, federation: string, world: RegionWorld) {
    this.name = name;
    this.#world = world;
    this.#federation = federation;
    this.heat = new SimulatedHeat(world, { federation, region: name, nextAddress: () => world.nextAddress() });
  }

  get place(): string {
    return `${this.name}/executor`;
  }

  start(): void {
    if (this.executor?.isAlive === true) return;
    const process = new SimulatedProcess(`executor:${this.name}`, this.place, this.#world.timeline);
    this.executor = process;
    this.#world.trace(`${process.name} starts`);
    const zones = ['a', 'b'].map((zone) => ({ name: `${this.name}-${zone}`, capacity: 20 }));
    const config = executorConfig.parse(configuration(this.#federation, this.name, zones));
    const key = { certificate: '', key: '' };
    const region = assembleRegion(
      config,
      { own: { ...key, root: '' }, intermediate: key, regionKey: '00'.repeat(32) },
      {
        ...{ heat: this.heat.client(process), links: this.#links(process), clock: process.clock, log: silentLog },
        ...{ metrics: new ExecutorMetrics(), roundTrips: { measured: () => [] } },
      },
    );
    this.serving = { process, methods: region.service };
    this.#end = () => {
      region.members.close();
      region.watch.close();
    };
    void region.watch.run();
  }

  kill(): void {
    if (this.executor?.isAlive !== true) return;
    this.#world.trace(`${this.executor.name} is killed`);
    this.executor.kill();
    this.serving = undefined;
  }

  /** For the end of a seed. */
  close(): void {
    this.#end();
  }

  #links(process: SimulatedProcess): AgentLinks {
    const { calls } = this.#world;
    const guestOf = ({ address }: Location): Guest | undefined => this.#world.guestAt(address);
    const serverOf = (location: Location): Server | undefined => guestOf(location)?.serving;
    const client = (location: Location): AgentServiceClient => {
      const toPlace = guestOf(location)?.place ?? `${this.name}/guest/nowhere`;
      const to = (): Server | undefined => serverOf(location);
      return agentClient(calls, process, toPlace, to);
    };
    return {
      client,
      strangerClient: client,
      look: (location) =>
        new Promise<AgentFace>((resolve) => {
          const { network, timeline } = this.#world;
          const place = guestOf(location)?.place ?? `${this.name}/guest/nowhere`;
          timeline.after(2 * network.latencyMs(this.place, place), () => {
            const isThrough = network.isOpen(this.place, place) && network.isOpen(place, this.place);
            const agent = serverOf(location)?.process;
            const [validFrom, validTo] = [new Date(0), new Date(8.64e14)];
            if (!isThrough || agent?.isPaused === true) {
              process.clock.after(LOOK_MS, () => resolve({ kind: 'absent', why: 'no answer' }));
            } else if (agent?.isAlive !== true) process.deliver(() => resolve({ kind: 'absent', why: 'refused' }));
            else process.deliver(() => resolve({ kind: 'enrolled', validFrom, validTo }));
          });
        }),
      isConnected: () => true,
      reset: () => undefined,
      close: () => undefined,
    };
  }
}

/** The methods of an agent's client that an executor calls, over the simulated network. */
function agentClient(
  world: CallWorld,
  from: SimulatedProcess,
  toPlace: string,
  to: () => Server | undefined,
): AgentServiceClient {
  const call =
    (method: keyof AgentServiceServer) =>
    (request: object, _metadata: unknown, { deadline }: { deadline: Date }, answer: never) =>
      unary(world, { from, to, toPlace, method: String(method), request, deadline }, answer);
  return {
    ...{ initialise: call('initialise'), promote: call('promote'), seed: call('seed'), follow: call('follow') },
    rejoin: call('rejoin'),
    ...{ promise: call('promise'), open: call('open') },
    observe: (request: object) => new ClientStream(world, { from, to, toPlace, method: 'observe', request }),
    close: () => undefined,
  } as unknown as AgentServiceClient;
}

function configuration(federation: string, region: string, zones: readonly { name: string; capacity: number }[]) {
  const nowhere = '/nowhere';
  return {
    ...{ federation, region, provider: region, jurisdiction: 'EU', image: 'image', network: 'network' },
    ...{ grpc: { address: '127.0.0.1', port: 0 }, admin: { address: '127.0.0.1', port: 0 } },
    ...{ certificateFile: nowhere, keyFile: nowhere, rootFile: nowhere, regionKeyFile: nowhere },
    ...{ intermediateCertificateFile: nowhere, intermediateKeyFile: nowhere },
    openstack: {
      ...{ authUrl: 'http://keystone', region, username: 'argosy', password: 'secret', projectName: 'service' },
    },
    zones,
    flavors: [
      { name: 'small', openstackFlavor: 'small', vcpus: 1, memoryMib: 1024 },
      { name: 'large', openstackFlavor: 'large', vcpus: 2, memoryMib: 2048 },
    ],
  };
}
