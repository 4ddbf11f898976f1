// A tenant's program: it tries the cluster's addresses in turn until one takes writes, writes rows that are numbered, and
// reads. A write of which nothing is heard is neither committed nor not.
import type { Random } from 'raft-ts/simulation';
import type { ServersWorld } from './database/server.ts';
import { TenantSession } from './database/sessions.ts';
import { SimulatedProcess } from './process.ts';

const ANSWER_MS = 4_000;
const READ_CHANCE = 0.3;

export interface TenantWorld extends ServersWorld {
  addresses(): readonly string[];
  counted(what: 'acknowledged' | 'unknown' | 'reads'): void;
}

export class Tenant {
  readonly #world: TenantWorld;
  readonly #random: Random;
  readonly #process: SimulatedProcess;
  readonly #id: number;
  #rows = 0;
  #isStopped = false;
  acknowledgedMs = 0;

  constructor(id: number, region: string, world: TenantWorld) {
    this.#id = id;
    this.#world = world;
    this.#random = world.random.fork();
    this.#process = new SimulatedProcess(`tenant:${id}`, `${region}/tenant`, world.timeline);
  }

  start(): void {
    this.#connect();
  }

  stop(): void {
    this.#isStopped = true;
  }

  #later(ms: number, act: () => void): void {
    this.#process.clock.after(ms, () => {
      if (!this.#isStopped) act();
    });
  }

  #connect(): void {
    const addresses = this.#world.addresses();
    const address = addresses.length === 0 ? undefined : this.#random.pick(addresses);
    if (address === undefined) {
      this.#later(200, () => this.#connect());
      return;
    }
    TenantSession.open(this.#world, this.#process, address, (session) => {
      if (typeof session === 'string') this.#later(this.#random.between(20, 100), () => this.#connect());
      else this.#use(session);
    });
  }

  #use(session: TenantSession): void {
    if (this.#isStopped) {
      session.close();
      return;
    }
    let isAnswered = false;
    const goOn = (isGood: boolean): void => {
      if (isAnswered) return;
      isAnswered = true;
      if (!isGood) {
        session.close();
        this.#later(this.#random.between(20, 150), () => this.#connect());
      } else this.#later(this.#random.between(5, 120), () => this.#use(session));
    };
    this.#process.clock.after(ANSWER_MS, () => goOn(false));
    if (this.#random.chance(READ_CHANCE)) {
      session.read((rows) => {
        if (rows !== undefined) this.#world.counted('reads');
        goOn(rows !== undefined);
      });
      return;
    }
    this.#rows += 1;
    session.write(`${this.#id}.${this.#rows}`, (outcome) => {
      this.#world.counted(outcome === 'committed' ? 'acknowledged' : 'unknown');
      if (outcome === 'committed') this.acknowledgedMs = this.#world.timeline.nowMs;
      goOn(outcome === 'committed');
    });
  }
}
