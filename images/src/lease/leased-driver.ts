// A driver of an asynchronous cluster's member: the engine's own, which knows of no lease, and the door before it. The
// order is the protocol: the door is shut before the server becomes anything else, and a lease is handed back only when
// the door is shut and the server has ended.
import type { Accounts, ParameterValues, Position } from '@argosy/datastores';
import {
  type Driver,
  DriverError,
  type KeptTail,
  type PrimaryRole,
  type ProbeResult,
  type Progress,
  type ReplicaRole,
  type Role,
  type ServerCertificate,
  type Upstream,
} from '@argosy/datastores/drivers';
import { behindDoor } from '@argosy/proto';
import type { LeaseKeeper } from './lease-keeper.ts';

export class LeasedDriver implements Required<Driver> {
  readonly #inner: Driver;
  readonly #keeper: LeaseKeeper;

  constructor(inner: Driver, keeper: LeaseKeeper) {
    this.#inner = inner;
    this.#keeper = keeper;
  }

  async recover(role: Role | null): Promise<boolean> {
    await this.#keeper.open();
    if (role === null) await this.#keeper.shut();
    return await this.#inner.recover(role === null ? null : innerRole(role));
  }

  async initialise(): Promise<void> {
    await this.#keeper.shut();
    await this.#inner.initialise();
  }

  async seed(source: Upstream): Promise<Position> {
    await this.#keeper.shut();
    return await this.#inner.seed(behind(source));
  }

  copyOut(): AsyncIterable<Uint8Array> {
    const data = this.#inner.copyOut?.();
    if (data === undefined) throw new DriverError('refused', 'This engine is copied by its own connections.');
    return data;
  }

  async saveTail(source: Upstream, options: { epoch: number; mustKeep: boolean }): Promise<KeptTail | undefined> {
    await this.#keeper.shut();
    return await this.#inner.saveTail(behind(source), options);
  }

  async rewind(source: Upstream, epoch: number): Promise<Position> {
    await this.#keeper.shut();
    return await this.#inner.rewind(behind(source), epoch);
  }

  async lead(role: PrimaryRole): Promise<Position> {
    await this.#keeper.lead(role);
    try {
      const position = await this.#inner.lead(innerPrimary(role));
      this.#keeper.led(role, position);
      return position;
    } catch (error) {
      if (!this.#inner.isRunning()) this.#keeper.lostServer();
      throw error;
    }
  }

  async follow(role: ReplicaRole): Promise<void> {
    if (this.#keeper.role !== undefined) await this.#keeper.shut();
    await this.#inner.follow(innerReplica(role));
    await this.#keeper.passAll();
  }

  async withdraw(): Promise<Position> {
    const led = this.#keeper.role;
    await this.#keeper.shut();
    const position = await this.#inner.withdraw();
    if (led !== undefined) await this.#keeper.handBack(led);
    return position;
  }

  async tryOpen(): Promise<boolean> {
    return (await this.#inner.tryOpen()) && this.#keeper.isHeld;
  }

  async hasQuorum(rule: { readonly epoch: number; readonly generation: number }): Promise<boolean> {
    return this.#keeper.hasConfirmed(rule) && (await this.#inner.hasQuorum(rule));
  }

  async probe(): Promise<ProbeResult> {
    return this.#keeper.judge(await this.#inner.probe());
  }

  async stop(): Promise<void> {
    await this.#keeper.shut();
    await this.#inner.stop();
  }

  installCertificate(certificate: ServerCertificate): Promise<void> {
    return this.#inner.installCertificate(certificate);
  }

  configure(parameters: ParameterValues): Promise<void> {
    return this.#inner.configure(parameters);
  }

  setAccounts(accounts: Accounts): Promise<void> {
    return this.#inner.setAccounts(accounts);
  }

  progress(): Promise<Progress | undefined> {
    return this.#inner.progress();
  }

  isFollowing(): Promise<Position | undefined> {
    return this.#inner.isFollowing();
  }

  hasCaughtUp(): Promise<boolean> {
    return this.#inner.hasCaughtUp();
  }

  share(): Promise<string> {
    return this.#inner.share?.() ?? Promise.resolve('');
  }

  cutPower(): Promise<void> {
    return this.#inner.cutPower();
  }

  isRunning(): boolean {
    return this.#inner.isRunning();
  }

  onCrash(call: () => void): void {
    this.#inner.onCrash(() => {
      this.#keeper.lostServer();
      call();
    });
  }

  release(): Promise<void> {
    return this.#inner.release();
  }
}

function innerRole(role: Role): Role {
  return role.kind === 'primary' ? innerPrimary(role) : innerReplica(role);
}

/** Commits wait for nobody; whether they are acknowledged is not the engine's concern. */
function innerPrimary(role: PrimaryRole): PrimaryRole {
  return { ...role, rule: { ...role.rule, acknowledgements: 0 }, peers: role.peers.map(behind) };
}

function innerReplica(role: ReplicaRole): ReplicaRole {
  return { ...role, upstream: behind(role.upstream) };
}

/** Members copy each other beside their doors. */
function behind(upstream: Upstream): Upstream {
  return { ...upstream, port: behindDoor(upstream.port) };
}
