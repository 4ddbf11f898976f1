// How many more members each zone can take: its capacity less the stacks of ours there and those about to be made.

import type { MemberSpec } from '@argosy/proto';
import { status } from '@grpc/grpc-js';
import { CommandError } from './command-error.ts';
import type { RegionWatch } from './region-watch.ts';

export class Capacity {
  readonly #zones: readonly { readonly name: string; readonly capacity: number }[];
  readonly #watch: RegionWatch;
  readonly #reserved = new Map<string, string>();
  /** No new members. It is forgotten when the executor ends: what shall last is a capacity of 0 in the configuration. */
  isDrained = false;

  constructor(zones: readonly { readonly name: string; readonly capacity: number }[], watch: RegionWatch) {
    this.#zones = zones;
    this.#watch = watch;
  }

  free(): { name: string; freeMembers: number }[] {
    return this.#zones.map(({ name, capacity }) => ({
      name,
      freeMembers: this.isDrained ? 0 : Math.max(0, capacity - this.#used(name)),
    }));
  }

  /** Keeps a place until the answer is called. @throws CommandError RESOURCE_EXHAUSTED; OpenStackError */
  async reserve({ memberId, zone }: MemberSpec): Promise<() => void> {
    if (this.isDrained)
      throw new CommandError(status.RESOURCE_EXHAUSTED, 'The region is drained: it takes no new member.');
    await this.#watch.refresh();
    const capacity = this.#zones.find(({ name }) => name === zone)?.capacity ?? 0;
    if (this.#used(zone) >= capacity) {
      throw new CommandError(status.RESOURCE_EXHAUSTED, `Zone ${zone} is full: it may hold ${capacity} members.`);
    }
    this.#reserved.set(memberId, zone);
    return () => this.#reserved.delete(memberId);
  }

  #used(zone: string): number {
    const seen = this.#watch.members().filter((member) => member.zone === zone && !this.#reserved.has(member.memberId));
    return seen.length + [...this.#reserved.values()].filter((reserved) => reserved === zone).length;
  }
}
