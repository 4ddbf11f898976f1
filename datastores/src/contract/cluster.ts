// A cluster on its way through the contract: who is primary, in which epoch, and what was acknowledged.
import type { Position } from '../definition.ts';
import type { ContractMember, ContractWorld, TenantClient } from './fixture.ts';

const ATTEMPTS_MS = 30_000;
const HAND_OVER_ATTEMPTS = 5;
const POLL_MS = 100;

export class ContractCluster {
  readonly world: ContractWorld;
  readonly acknowledged: number[] = [];
  primary: ContractMember;
  epoch = 1;
  #next = 1;

  constructor(world: ContractWorld) {
    this.world = world;
    this.primary = world.members[0];
  }

  get members(): ContractMember[] {
    return [...this.world.members];
  }

  get replicas(): ContractMember[] {
    return this.members.filter((member) => member !== this.primary);
  }

  get admin() {
    return { name: 'admin', verifier: this.world.verifier(this.world.password), generation: 1 };
  }

  placeOf({ address }: ContractMember, user = 'admin', password = this.world.password) {
    return { address, port: this.world.fixture.port, root: this.world.root, user, password };
  }

  connect(member: ContractMember = this.primary): Promise<TenantClient> {
    return this.world.fixture.connect(this.placeOf(member));
  }

  /** Writes so many numbers; each counts when it was acknowledged. */
  async write(count: number, member: ContractMember = this.primary): Promise<void> {
    const client = await this.connect(member);
    try {
      for (let written = 0; written < count; written++) {
        const number = this.#next++;
        await client.write(number);
        this.acknowledged.push(number);
      }
    } finally {
      client.close();
    }
  }

  /** A number that is written for nobody: what becomes of it is looked at by the case. */
  takeNumber(): number {
    return this.#next++;
  }

  /** What was acknowledged and is not there. */
  async missing(member: ContractMember = this.primary): Promise<number[]> {
    const client = await this.connect(member);
    try {
      const there = new Set(await client.numbers());
      return this.acknowledged.filter((number) => !there.has(number));
    } finally {
      client.close();
    }
  }

  /** A replica has all of it after a while. */
  async untilThere(member: ContractMember): Promise<void> {
    const deadline = Date.now() + ATTEMPTS_MS;
    for (;;) {
      const missing = await this.missing(member).catch((error: Error) => [error.message]);
      if (missing.length === 0) return;
      if (Date.now() > deadline) throw new Error(`${member.memberId} has not got ${missing.slice(0, 5).join(', ')}.`);
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }

  /** The furthest of those that promise leads the next epoch; who is named follows it. */
  async elect(candidates: readonly ContractMember[], followers = candidates): Promise<void> {
    const epoch = this.epoch + 1;
    let best: { member: ContractMember; position: Position } | undefined;
    for (const member of candidates) {
      const position = await member.promise(epoch);
      if (best === undefined || this.world.comparePositions(position, best.position) > 0) best = { member, position };
    }
    if (best === undefined) throw new Error('Nobody stands for election.');
    await this.lead(best.member, epoch, followers);
  }

  /** The next epoch is led by this one, which has nothing less than any other: else it gets that first, from who has. */
  async handTo(member: ContractMember): Promise<void> {
    for (let attempt = 0; attempt < HAND_OVER_ATTEMPTS; attempt += 1) {
      if (this.primary !== member) await this.untilThere(member);
      const epoch = this.epoch + 1;
      // The primary first: what it writes on could reach some and not others.
      const order = [this.primary, ...this.members.filter((other) => other !== this.primary)];
      const ends: { readonly asked: ContractMember; readonly position: Position }[] = [];
      for (const asked of order) ends.push({ asked, position: await asked.promise(epoch) });
      const furthest = ends.reduce((best, end) =>
        this.world.comparePositions(end.position, best.position) > 0 ? end : best,
      );
      const own = ends.find(({ asked }) => asked === member) ?? furthest;
      const hasAll = this.world.comparePositions(own.position, furthest.position) >= 0;
      await this.lead(hasAll ? member : furthest.asked, epoch, this.members);
      if (hasAll) return;
    }
    throw new Error(`${member.memberId} does not get all that the primary has.`);
  }

  async lead(member: ContractMember, epoch: number, followers: readonly ContractMember[]): Promise<void> {
    await member.promote(epoch, 1, { voters: this.members, admin: this.admin });
    this.primary = member;
    this.epoch = epoch;
    for (const follower of followers) if (follower !== member) await follower.follow(epoch, 1, member);
    await member.open(epoch, 1);
  }
}
