// A guest of a cluster whose engine rules itself: what the executor commands such a member.
import type { RuledContractMember } from '@argosy/datastores/contract';
import { type AdminUser, type CommandHeader, callUnary, type MemberReport, type Position } from '@argosy/proto';
import type { Guest } from './guest.ts';
import { patiently, soon } from './waiting.ts';

export class RuledGuest implements RuledContractMember {
  readonly guest: Guest;

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

  async join(members: readonly RuledGuest[]): Promise<void> {
    const { agent, engine } = this.guest;
    const peers = members.map(({ guest }) => guest.peer);
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
    return await this.guest.promise(epoch);
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
    return this.guest.header(1, 0);
  }
}
