// A member's guest: its volume, the agent's process and the database's, and the power that all of them need. The agent is
// the real one, without its port.
import { basename } from 'node:path';
import { drivers, type EngineDriver, type Processes, type ProgramResult } from '@argosy/datastores/drivers';
import { type AgentConfig, agentService, openMember, type UserData } from '@argosy/images';
import type { Random } from 'raft-ts/simulation';
import type { Server } from './calls.ts';
import type { DatabaseHost } from './database/database-world.ts';
import { runProgram } from './database/programs.ts';
import { DatabaseServer, type ServersWorld } from './database/server.ts';
import { sessionsOf } from './database/sessions.ts';
import { type DoorHost, type LeaseWorld, leaseMachineOf, type SimulatedDoor } from './door.ts';
import { SimulatedProcess } from './process.ts';
import { silentLog } from './silent-log.ts';
import { DATA, filesOf, VOLUME, Volume } from './volume.ts';

const BOOT_MS = 800;
const AGENT_RESTART_MS = 500;
/** Children of a postmaster that was killed notice it by themselves. */
const LINGER_MS = 60;

export interface GuestWorld extends ServersWorld, LeaseWorld {
  readonly random: Random;
  failed(error: Error): void;
}

export interface GuestPlace {
  readonly federation: string;
  readonly region: string;
  readonly clusterId: string;
  readonly memberId: string;
  readonly address: string;
}

/** Loaded before any world begins: loading takes time that no world's clock counts. */
const engine = (await drivers.postgresql?.()) as EngineDriver;

export class Guest implements DatabaseHost, DoorHost {
  readonly memberId: string;
  readonly address: string;
  readonly place: string;
  readonly volume = new Volume();
  diskSlowness = 1;
  keepsUnsynced = true;
  server: DatabaseServer | undefined;
  /** Of an asynchronous cluster's member, once its agent has opened it. */
  door: SimulatedDoor | undefined;
  agent: SimulatedProcess | undefined;
  /** What the agent serves, once it does. */
  serving: Server | undefined;
  isOn = false;
  readonly #world: GuestWorld;
  readonly #where: GuestPlace;
  readonly #userData: UserData;
  readonly #programs = new Map<number, SimulatedProcess>();
  #lingering: { readonly pid: number; readonly untilMs: number } | undefined;
  #pids = 100;
  /** Two clocks that run differ by less than this allows. */
  readonly #clockRate: number;
  #isGone = false;
  #boots = 0;

  constructor(where: GuestPlace, userData: UserData, world: GuestWorld) {
    this.memberId = where.memberId;
    this.address = where.address;
    this.place = `${where.region}/guest/${where.memberId}`;
    this.#where = where;
    this.#userData = userData;
    this.#world = world;
    this.#clockRate = userData.door === true ? world.random.between(0.991, 1.009) : 1;
  }

  bootMs(): number {
    return this.#world.timeline.nowMs * this.#clockRate;
  }

  /** Whether what the database says gets out to a client now. */
  letsOut(): boolean {
    return this.#userData.door !== true || this.door?.isOpen === true;
  }

  get region(): string {
    return this.#where.region;
  }

  get clusterId(): string {
    return this.#where.clusterId;
  }

  nextPid(): number {
    this.#pids += 1;
    return this.#pids;
  }

  boot(): void {
    if (this.isOn || this.#isGone) return;
    this.isOn = true;
    this.#boots += 1;
    const boot = this.#boots;
    this.#world.timeline.after(BOOT_MS * this.#world.random.between(0.5, 1.5), () => {
      if (boot === this.#boots) this.startAgent();
    });
  }

  startAgent(): void {
    if (!this.isOn || this.agent?.isAlive === true) return;
    const agent = new SimulatedProcess(`agent:${this.memberId}`, this.place, this.#world.timeline);
    this.agent = agent;
    this.#world.trace(`${agent.name} starts`);
    this.#open(agent).catch((error: Error) => {
      this.#world.trace(`${agent.name} cannot start: ${error.message}`);
      this.#ended(agent);
    });
  }

  async #open(agent: SimulatedProcess): Promise<void> {
    const config = this.#config();
    const sessions = sessionsOf(this.#world, agent, () => this.server);
    const parts = {
      ...{ config, engine, clock: agent.clock, log: silentLog, files: filesOf(this.volume, agent), session: sessions },
      processes: this.#processes(agent),
      leaseMachine: leaseMachineOf(this, agent, this.#world),
    };
    const certificates = { isEnrolled: true, current: { certificate: '', key: '', root: '' } };
    const { member, granting, observations } = await openMember(parts, certificates);
    if (!agent.isAlive) return;
    const service = agentService({
      ...{ config, member, granting, observations, log: silentLog, onCertificate: async () => undefined },
      copyOut: undefined,
      certificates: { request: Buffer.alloc(0), install: async () => false },
      rehearsal: { take: () => Promise.reject(new Error('The model knows no drills.')) },
      share: async () => ({ text: '' }),
    });
    this.serving = { process: agent, methods: service };
    observations.start();
  }

  #config(): AgentConfig {
    const { federation, region, clusterId, memberId, address } = this.#where;
    return {
      ...{ userData: this.#userData, volume: VOLUME, address, runFolder: '/run', lifeline: undefined },
      member: { kind: 'member', federation, region, clusterId, memberId },
      executor: { kind: 'executor', federation, region },
      engine: { version: this.#userData.version, bin: '/engine/bin', libraryPath: null },
      owner: { uid: undefined, gid: undefined, agentUser: 'agent' },
    };
  }

  #ended(agent: SimulatedProcess): void {
    agent.kill();
    if (this.agent === agent) this.serving = undefined;
    this.#world.timeline.after(AGENT_RESTART_MS * this.#world.random.between(0.5, 2), () => this.startAgent());
  }

  /** The agent's process ends; the database's runs on. */
  killAgent(): void {
    const { agent } = this;
    if (agent?.isAlive !== true) return;
    this.#world.trace(`${agent.name} is killed`);
    this.#ended(agent);
  }

  killDatabase(): void {
    const { server } = this;
    if (server === undefined || server.state === 'ended') return;
    this.#lingering = { pid: this.nextPid(), untilMs: this.#world.timeline.nowMs + LINGER_MS };
    server.crash('SIGKILL');
  }

  /** Everything ends, and what was not synced is lost. */
  losePower(): void {
    if (!this.isOn) return;
    this.#world.trace(`guest ${this.memberId} loses its power`);
    this.isOn = false;
    this.#boots += 1;
    this.serving = undefined;
    this.door = undefined;
    this.agent?.kill();
    this.server?.crash('power');
    for (const program of this.#programs.values()) program.kill();
    this.volume.losePower(this.#world.random, this.keepsUnsynced);
  }

  loseVolume(): void {
    this.losePower();
    this.#world.trace(`guest ${this.memberId} loses its volume`);
    this.volume.wipe();
  }

  /** It is deleted, with its volume. */
  remove(): void {
    this.losePower();
    this.#isGone = true;
    this.volume.wipe();
  }

  #processes(agent: SimulatedProcess): Processes {
    const world = this.#world;
    return {
      run: (program, timeoutMs) =>
        new Promise<ProgramResult>((resolve) => {
          const pid = this.nextPid();
          const running = runProgram(program, this, world, (result) => {
            this.#programs.delete(pid);
            agent.deliver(() => resolve(result));
          });
          if (running.isAlive) this.#programs.set(pid, running);
          running.clock.after(timeoutMs, () => running.kill());
        }),
      start: async (program) => {
        const text = program.arguments.find((argument) => argument.startsWith('config_file=')) ?? '';
        const server = await agent.operate(2, () => {
          if (!this.isOn) throw new Error('There is no power.');
          const started = new DatabaseServer(this, world, text.slice('config_file='.length));
          this.server = started;
          return started;
        });
        const exited = new Promise<void>((resolve) => {
          void server.exited.then(() => agent.deliver(resolve));
        });
        return { pid: server.pid, exited };
      },
      inFolder: (folder) => agent.operate(0.2, () => (folder === DATA ? this.#pidsInData() : [])),
      isRunning: (pid, folder, name) =>
        agent.operate(0.1, () => folder === DATA && basename(name) === 'postgres' && this.#isServer(pid)),
      signal: (pid, signal) => this.#signal(pid, signal),
    };
  }

  #isServer(pid: number): boolean {
    return this.server?.pid === pid && this.server.state !== 'ended';
  }

  #pidsInData(): number[] {
    const { nowMs } = this.#world.timeline;
    const server = this.server !== undefined && this.server.state !== 'ended' ? [this.server.pid] : [];
    const lingering = this.#lingering !== undefined && nowMs < this.#lingering.untilMs ? [this.#lingering.pid] : [];
    return [...server, ...lingering, ...this.#programs.keys()];
  }

  #signal(pid: number, signal: string): boolean {
    const { server } = this;
    if (server !== undefined && this.#isServer(pid)) {
      server.process.deliver(() => server.signal(signal));
      // What kills asks nobody.
      if (signal === 'SIGKILL') server.crash('SIGKILL');
      return true;
    }
    if (server?.receiver?.pid === pid) {
      const { receiver } = server;
      server.after(this.#world.random.between(0.5, 15), () => receiver.end('SIGTERM'));
      return true;
    }
    const program = this.#programs.get(pid);
    if (program !== undefined && signal !== 'SIGHUP') program.kill();
    return program !== undefined;
  }
}
