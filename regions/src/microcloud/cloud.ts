// The plain model under microcloud's Heat: servers, ports and volumes, each a record on disk. A server is a local
// process on its port's loopback address; a volume is a folder that appears in the server's run directory when attached.
import { chmodSync, existsSync, mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from 'pino';
import type { GuestProcesses } from '../guests/guest-processes.ts';
import type { ProcessRef } from '../guests/process-table.ts';
import { allotAddress } from './addresses.ts';
import { Collection } from './collection.ts';
import type { MicrocloudSettings } from './config.ts';
import type { Faults } from './faults.ts';

export interface Port {
  readonly id: string;
  readonly network: string;
  readonly address: string;
}

export interface Volume {
  readonly id: string;
  readonly sizeGib: number;
  readonly serverId: string | null;
}

/** Servers of a group are told apart by a scheduler; here there is one host. */
export interface ServerGroup {
  readonly id: string;
  readonly name: string;
  readonly policies: readonly string[];
}

export interface Server {
  readonly id: string;
  readonly name: string;
  readonly zone: string;
  readonly flavor: string;
  readonly image: string;
  readonly portId: string;
  readonly userData: string;
  /** The server group that it was told to be of. */
  readonly group?: string;
  /** Nova's words. */
  readonly status: 'BUILD' | 'ACTIVE' | 'RESIZE' | 'SHUTOFF' | 'ERROR';
  readonly process: ProcessRef | null;
  /** Active without a process: a guest whose volume was taken does nothing until it has one again. */
  readonly awaitsVolume?: boolean;
  /** What is told of a server in ERROR. */
  readonly fault?: string;
}

/** Says why a resource cannot be made, in the words that Heat would pass on. */
export class ResourceError extends Error {
  override readonly name = 'ResourceError';
  /** What Heat calls the error. */
  readonly type: string;

  constructor(message: string, options: { readonly type?: string; readonly cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.type = options.type ?? 'ResourceInError';
  }
}

/** A server is given up: what Nova tells of it, and how Heat passes that on. */
export class ServerFault extends ResourceError {
  readonly fault: string;

  constructor(fault: string) {
    super(`Went to status ERROR due to "Message: ${fault}, Code: 500"`);
    this.fault = fault;
  }
}

const NO_HOST = 'No valid host was found. There are not enough hosts available.';
/** How often a host that is told to get nothing booted looks whether it still is. */
const STALLED_POLL_MS = 50;
const LOST = 'The host went away while the server was being made.';

/** How often the processes of active servers are looked at. */
const LOOK_MS = 1_000;
/** A server is called dead this long after it ended: when the whole machine stops, it ends before we do. */
const DEAD_AFTER_MS = 3_000;

export class Cloud {
  readonly config: MicrocloudSettings;
  readonly faults: Pick<Faults, 'state'>;
  readonly #servers: Collection<Server>;
  readonly #ports: Collection<Port>;
  readonly #volumes: Collection<Volume>;
  readonly #groups: Collection<ServerGroup>;
  readonly #processes: GuestProcesses;
  readonly #log: Logger;
  readonly #deadSince = new Map<string, number>();
  readonly #looking: NodeJS.Timeout;

  constructor(
    config: MicrocloudSettings,
    world: { readonly processes: GuestProcesses; readonly faults: Pick<Faults, 'state'>; readonly log: Logger },
  ) {
    const { processes, faults, log } = world;
    this.config = config;
    this.faults = faults;
    this.#log = log;
    this.#processes = processes;
    this.#servers = new Collection(join(config.directory, 'servers'));
    this.#ports = new Collection(join(config.directory, 'ports'));
    this.#volumes = new Collection(join(config.directory, 'volumes'));
    this.#groups = new Collection(join(config.directory, 'groups'));
    // The database's own user must be able to pass through.
    for (const folder of [config.volumesDirectory, config.runDirectory]) {
      mkdirSync(folder, { recursive: true });
      chmodSync(folder, 0o755);
    }
    this.#looking = setInterval(() => this.#look(), LOOK_MS);
  }

  close(): void {
    clearInterval(this.#looking);
  }

  server(id: string): Server | undefined {
    return this.#servers.get(id);
  }

  servers(): Server[] {
    return this.#servers.all();
  }

  port(id: string): Port | undefined {
    return this.#ports.get(id);
  }

  volume(id: string): Volume | undefined {
    return this.#volumes.get(id);
  }

  volumesOf(serverId: string): Volume[] {
    return this.#volumes.all().filter((volume) => volume.serverId === serverId);
  }

  group(id: string): ServerGroup | undefined {
    return this.#groups.get(id);
  }

  createGroup(id: string, name: string, policies: readonly string[]): void {
    this.#groups.put({ id, name, policies });
  }

  deleteGroup(id: string): void {
    this.#groups.remove(id);
  }

  /** The server that has the port. */
  serverOnPort(portId: string): string | undefined {
    return this.servers().find((server) => server.portId === portId)?.id;
  }

  /** A host that was killed in the middle gives up what it was making, as Nova's does. */
  giveUpUnfinished(): void {
    for (const server of this.servers()) {
      if (server.status !== 'BUILD' && server.status !== 'RESIZE') continue;
      this.#servers.put({ ...server, status: 'ERROR', fault: LOST });
    }
  }

  /** The host boots: every server that was active is started again, what is left of its former life ended first. */
  async boot(): Promise<void> {
    const active = this.servers().filter(({ status }) => status === 'ACTIVE');
    const boots = active.map(async (server) => {
      await this.#processes.end(server, this.#volumeOf(server));
      await this.#start(server);
    });
    for (const [index, boot] of (await Promise.allSettled(boots)).entries()) {
      if (boot.status === 'fulfilled') continue;
      this.#log.error({ err: boot.reason, server: active[index]?.id }, 'a server did not boot');
    }
  }

  createPort(id: string, network: string): void {
    if (this.#ports.get(id) !== undefined) return;
    const known = this.config.networks.find(({ name }) => name === network);
    if (known === undefined) throw new ResourceError(`Unable to find network with name or id '${network}'`);
    const taken = new Set(this.#ports.all().map(({ address }) => address));
    const address = allotAddress(known, taken);
    if (address === undefined)
      throw new ResourceError(`No more IP addresses available on network ${network}.`, {
        type: 'IpAddressGenerationFailureClient',
      });
    this.#ports.put({ id, network, address });
    this.#log.info({ port: id, address }, 'port is made');
  }

  deletePort(id: string): void {
    this.#ports.remove(id);
    this.#log.info({ port: id }, 'port is deleted');
  }

  createVolume(id: string, sizeGib: number): void {
    mkdirSync(this.#volumePath(id), { recursive: true });
    chmodSync(this.#volumePath(id), 0o755);
    if (this.#volumes.get(id) === undefined) this.#volumes.put({ id, sizeGib, serverId: null });
    this.#log.info({ volume: id, gib: sizeGib }, 'volume is made');
  }

  /** Of a volume that is attached nowhere. */
  extendVolume(id: string, sizeGib: number): void {
    const volume = this.#volumes.get(id);
    if (volume === undefined) throw new ResourceError(`Volume ${id} could not be found.`);
    if (sizeGib < volume.sizeGib)
      throw new ResourceError('Shrinking volume is not supported.', { type: 'NotSupported' });
    this.#volumes.put({ ...volume, sizeGib });
    this.#log.info({ volume: id, gib: sizeGib }, 'volume is extended');
  }

  deleteVolume(id: string): void {
    rmSync(this.#volumePath(id), { recursive: true, force: true });
    this.#volumes.remove(id);
    this.#log.info({ volume: id }, 'volume is deleted');
  }

  async attachVolume(volumeId: string, serverId: string): Promise<void> {
    const volume = this.#volumes.get(volumeId);
    const server = this.#servers.get(serverId);
    if (volume === undefined || server === undefined) throw new ResourceError('Volume or server could not be found.');
    const link = this.#processes.volumeLink(server);
    this.#volumes.put({ ...volume, serverId });
    this.#log.info({ volume: volumeId, server: serverId }, 'volume is attached');
    if (server.awaitsVolume === true) await this.#start(server);
    else if (!existsSync(link)) symlinkSync(this.#volumePath(volumeId), link);
  }

  /**
   * Ends the guest first: nothing may write to a volume that another server could be given. The server is off then, or
   * `waits`: it stays active, and its guest begins again with the next volume.
   */
  async detachVolume(volumeId: string, serverThen: 'off' | 'waits' = 'off'): Promise<void> {
    const volume = this.#volumes.get(volumeId);
    if (volume === undefined || volume.serverId === null) return;
    const server = this.#servers.get(volume.serverId);
    if (server !== undefined) await this.#stop(server);
    if (server?.status === 'ACTIVE' && serverThen === 'waits') {
      this.#servers.put({ ...server, process: null, awaitsVolume: true });
    }
    this.#volumes.put({ ...volume, serverId: null });
    this.#log.info({ volume: volumeId, server: volume.serverId }, 'volume is detached');
  }

  async createServer(server: Omit<Server, 'status' | 'process'>): Promise<void> {
    const zone = this.config.zones.find(({ name }) => name === server.zone);
    if (zone === undefined)
      throw new ResourceError('The requested availability zone is not available (HTTP 400)', { type: 'BadRequest' });
    if (server.group !== undefined && this.group(server.group) === undefined)
      throw new ResourceError(`Server group ${server.group} could not be found. (HTTP 400)`, { type: 'BadRequest' });
    const there = this.servers().filter((other) => other.zone === zone.name && other.status !== 'ERROR').length;
    const record: Server = { ...server, status: 'BUILD', process: null };
    if (there >= (zone.capacity ?? Number.POSITIVE_INFINITY) || this.#isFull(zone.name)) {
      this.#servers.put({ ...record, status: 'ERROR', fault: NO_HOST });
      throw new ServerFault(NO_HOST);
    }
    // On disk before it runs: whoever finds this record can find the process by the server's run directory.
    this.#servers.put(record);
    this.#log.info({ server: record.id, port: record.portId }, 'server is made');
    while (this.faults.state.zone_stalled.includes(zone.name)) {
      await new Promise<void>((resolve) => setTimeout(resolve, STALLED_POLL_MS));
      if (this.#servers.get(record.id) === undefined) throw new ServerFault('The server was deleted.');
    }
    await this.#start(record);
  }

  /** Stops the server and starts it again in its new size, with the same user data, port and volume. */
  async resizeServer(id: string, flavor: string): Promise<void> {
    const server = this.#servers.get(id);
    if (server === undefined) throw new ResourceError(`Server ${id} could not be found.`);
    // The hosts are asked before anything is stopped.
    if (this.#isFull(server.zone)) throw new ServerFault(NO_HOST);
    const resized: Server = { ...server, flavor, status: 'RESIZE' };
    this.#servers.put({ ...server, status: 'RESIZE' });
    await this.#stop(server);
    this.#servers.put({ ...resized, process: null });
    await this.#start({ ...resized, process: null });
  }

  /** Takes the server from its port and its volume, so that another can have them. */
  async releaseServer(id: string): Promise<void> {
    const server = this.#servers.get(id);
    if (server !== undefined) await this.#stop(server);
    this.#log.info({ server: id }, 'port is taken from the server');
  }

  /** Why Nova grants no further server; undefined when it does. */
  quotaRefusal(): string | undefined {
    const { server_quota: quota } = this.faults.state;
    const there = this.servers().length;
    if (quota === null || there < quota) return undefined;
    return `Quota exceeded for instances: Requested 1, but already used ${there} of ${quota} instances`;
  }

  /** Nova's word for the server as it is now, seen or not. */
  serverStatus(id: string): string {
    const server = this.#servers.get(id);
    if (server === undefined) return 'DELETED';
    return server.status === 'ACTIVE' && !this.#isAlive(server) ? 'SHUTOFF' : server.status;
  }

  async deleteServer(id: string): Promise<void> {
    const server = this.#servers.get(id);
    if (server === undefined) return;
    await this.#stop(server);
    for (const volume of this.volumesOf(id)) await this.detachVolume(volume.id);
    this.#processes.clean(server);
    this.#servers.remove(id);
    this.#deadSince.delete(id);
    this.#log.info({ server: id }, 'server is deleted');
  }

  #isAlive(server: Server): boolean {
    return server.awaitsVolume === true || this.#processes.isRunning(server);
  }

  #isFull(zone: string): boolean {
    return this.faults.state.zone_full.includes(zone);
  }

  async #start(server: Server): Promise<void> {
    const address = this.#ports.get(server.portId)?.address;
    if (address === undefined) throw new ResourceError(`Port ${server.portId} could not be found.`);
    const { awaitsVolume: _, fault: __, ...starting } = server;
    const process = await this.#processes.start(server, {
      address,
      volumePath: this.#volumeOf(server),
      onStarted: (ref) => this.#servers.put({ ...starting, process: ref }),
    });
    if (process !== undefined) {
      this.#servers.put({ ...starting, process, status: 'ACTIVE' });
      return;
    }
    const fault = new ServerFault('The guest ended while it was booting.');
    this.#servers.put({ ...starting, process: null, status: 'ERROR', fault: fault.fault });
    throw fault;
  }

  async #stop(server: Server): Promise<void> {
    const current = this.#servers.get(server.id) ?? server;
    if (!(await this.#processes.end(current, this.#volumeOf(current)))) {
      throw new ServerFault('The guest cannot be ended.');
    }
    if (current.status === 'ACTIVE') this.#servers.put({ ...current, status: 'SHUTOFF', process: null });
  }

  #volumeOf(server: Server): string | undefined {
    const volume = this.#volumes.all().find(({ serverId }) => serverId === server.id);
    return volume === undefined ? undefined : this.#volumePath(volume.id);
  }

  #volumePath(id: string): string {
    return join(this.config.volumesDirectory, id);
  }

  #look(): void {
    const now = performance.now();
    for (const server of this.servers()) {
      if (server.status !== 'ACTIVE' || this.#isAlive(server)) {
        this.#deadSince.delete(server.id);
        continue;
      }
      const since = this.#deadSince.get(server.id) ?? now;
      this.#deadSince.set(server.id, since);
      if (now - since < DEAD_AFTER_MS) continue;
      this.#servers.put({ ...server, status: 'SHUTOFF', process: null });
      this.#log.warn({ server: server.id, name: server.name }, 'server has ended');
    }
  }
}
