// A guest of a cluster whose engine rules itself: what the executor commands such a member.
import type { RuledContractMember } from '@argosy/datastores/contract';
import { type AdminUser, type CommandHeader, callUnary, type MemberReport, type Position } from '@argosy/proto';
import type { ServiceError } from '@grpc/grpc-js';
import type { Guest } from './guest.ts';
import { patiently, soon } from './waiting.ts';

export class RuledGuest implements RuledContractMember {
  readonly guest: Guest;
  #epoch = 1;

  constructor(guest: Guest) {
    this.guest = guest;
  }

  get memberId(): string {
    return this.guest.memberId;
  }

  get address(): string {
    return this.guest.address;
  }

  get volume(): string {
    return this.guest.volume;
  }

  async found(admin: AdminUser, version = this.guest.engine.version): Promise<void> {
    const { agent } = this.guest;
    const request = { header: this.#header, version, admin };
    await patiently(() => callUnary(agent.found.bind(agent), request, { deadline: soon() }));
  }

  async join(members: readonly RuledGuest[], epoch = this.#epoch): Promise<void> {
    const { agent, engine } = this.guest;
    const peers = members.map(({ guest }) => guest.peer);
    this.#epoch = epoch;
    const request = { header: this.#header, version: engine.version, peers };
    await patiently(() => callUnary(agent.join.bind(agent), request, { deadline: soon() }));
  }

  async dismiss({ guest: { peer: leaver } }: RuledGuest): Promise<void> {
    const { agent } = this.guest;
    await callUnary(agent.dismiss.bind(agent), { header: this.#header, leaver }, { deadline: soon() });
  }

  async setParameters(generation: number, values: Readonly<Record<string, string>>): Promise<void> {
    const { agent } = this.guest;
    const request = { header: this.#header, generation, values: { ...values }, mayRestart: true };
    await callUnary(agent.setParameters.bind(agent), request, { deadline: soon() });
  }

  async promise(epoch: number): Promise<Position> {
    const { agent } = this.guest;
    const request = { header: this.guest.header(epoch, 0) };
    const { position } = await patiently(() =>
      callUnary(agent.promise.bind(agent), request, { deadline: soon() }).catch((error: ServiceError) => {
        // Nothing to wait for: it will not promise.
        throw /it serves/.test(error.details) ? new Error(error.details) : error;
      }),
    );
    return position ?? { epoch: 0, value: '' };
  }

  async refound(epoch: number): Promise<void> {
    const { agent } = this.guest;
    this.#epoch = epoch;
    const request = { header: this.#header };
    await patiently(() => callUnary(agent.refound.bind(agent), request, { deadline: soon() }));
  }

  async open(): Promise<Position> {
    return await this.guest.open(1, 0);
  }

  async report(isWanted: (report: MemberReport) => boolean): Promise<MemberReport> {
    return await this.guest.report(isWanted);
  }

  async killAgent(): Promise<void> {
    await this.guest.killAgent();
  }

  async endAgent(): Promise<void> {
    await this.guest.endAgent();
  }

  start(): void {
    this.guest.start();
  }

  async serverPid(): Promise<number | undefined> {
    return await this.guest.serverPid();
  }

  async loseVolume(): Promise<void> {
    await this.guest.loseVolume();
  }

  get #header(): CommandHeader {
    return this.guest.header(this.#epoch, 0);
  }
}
