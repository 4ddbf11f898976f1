// Looks for orphans on request, and removes those that are named. Nothing is removed unasked: a gateway that was restored
// from an old state would take everything younger for a stranger's.
import type { Clock, Orphan } from '@argosy/proto';
import { pause } from '@argosy/proto';
import type { Logger } from 'pino';
import type { Heat, StackRef } from '../openstack/heat.ts';
import { findGroups, findOrphans, isRemovable, type KnownToGateway, lostServers, type OrphanFound } from './orphans.ts';
import type { RegionWatch } from './region-watch.ts';
import { groupTag } from './server-groups.ts';
import { stackTag } from './stack-request.ts';
import { adoptStray, listStrays, type ServerDefaults } from './strays.ts';

/** For so long the admin API goes by what the gateway told last. */
const TOLD_LIMIT_MS = 10 * 60_000;
const GONE_LIMIT_MS = 60_000;
const GONE_POLL_MS = 200;

export interface AuditorWorld {
  readonly federation: string;
  readonly heat: Heat;
  readonly watch: RegionWatch;
  readonly clock: Clock;
  readonly log: Logger;
  /** As a server needs them to be valid. */
  readonly server: ServerDefaults;
}

export class Auditor {
  readonly #world: AuditorWorld;
  #told: { readonly known: KnownToGateway; readonly at: Date } | undefined;

  constructor(world: AuditorWorld) {
    this.#world = world;
  }

  /** When the gateway said last what it knows; undefined when that is too long ago, or it has not yet. */
  get toldAt(): Date | undefined {
    return this.#recent()?.at;
  }

  /** What the gateway knows; it counts for a while. */
  tell(known: KnownToGateway): void {
    this.#told = { known, at: this.#world.clock.now() };
  }

  /** @throws OpenStackError */
  async orphans(): Promise<OrphanFound[]> {
    const { federation, heat, watch, clock } = this.#world;
    await watch.refresh();
    const tagged = await heat.list(stackTag(federation));
    const listing = { federation, tagged, members: watch.members(), now: clock.now() };
    const known = this.#recent()?.known;
    const groups = known === undefined ? [] : findGroups(federation, await heat.list(groupTag(federation)), known);
    return [...findOrphans(listing, known), ...groups, ...lostServers(await listStrays(this.#world))];
  }

  /** Removes those stacks of the named that are still orphans and may be removed. @throws OpenStackError */
  async repair(stackIds: readonly string[]): Promise<Orphan[]> {
    const found = await this.orphans();
    const answers: Orphan[] = [];
    for (const orphan of found) {
      const isMeant = orphan.stack !== undefined && stackIds.includes(orphan.stack.id) && isRemovable(orphan);
      answers.push(orphanView(orphan, isMeant && (await this.#remove(orphan))));
    }
    return answers;
  }

  async #remove({ stack, memberId, kind }: OrphanFound): Promise<boolean> {
    if (stack === undefined) return false;
    this.#world.log.warn({ stack: stack.id, name: stack.name, member_id: memberId, kind }, 'orphan is removed');
    if (kind !== 'lost_server') return this.#gone(stack);
    const holding = await adoptStray(this.#world, stack);
    return holding !== undefined && (await this.#gone(holding)) && (await this.#gone(stack));
  }

  /** Deletes a stack; answers whether it is gone. */
  async #gone(stack: StackRef): Promise<boolean> {
    const { heat, clock } = this.#world;
    await heat.remove(stack);
    const end = clock.monotonicMs() + GONE_LIMIT_MS;
    while (clock.monotonicMs() < end) {
      const left = await heat.show(stack);
      if (left === undefined || left.status === 'DELETE_COMPLETE') return true;
      if (left.status === 'DELETE_FAILED') return false;
      await pause(clock, GONE_POLL_MS);
    }
    return false;
  }

  #recent(): { readonly known: KnownToGateway; readonly at: Date } | undefined {
    const told = this.#told;
    const isRecent = told !== undefined && this.#world.clock.now().getTime() - told.at.getTime() < TOLD_LIMIT_MS;
    return isRecent ? told : undefined;
  }
}

export function orphanView(orphan: OrphanFound, removed = false): Orphan {
  const { stack, memberId = '', kind, why } = orphan;
  return {
    ...{ stackId: stack?.id ?? '', stackName: stack?.name ?? '', stackStatus: stack?.status ?? '' },
    ...{ memberId, kind, why, removable: isRemovable(orphan), removed },
  };
}
