// How a member comes in: one that is there tells it what the group is known by, and writes it into the list of members.
import type { DriverOptions, Upstream } from '../../driver.ts';
import { enterByOneOf } from '../../entering.ts';
import { askMember } from '../connection.ts';
import { enlist } from './group.ts';
import type { Layout } from './layout.ts';
import type { Record } from './record.ts';

export interface Entering {
  readonly options: DriverOptions;
  readonly layout: Layout;
  readonly record: Record;
  /** As it stands in the list. */
  readonly self: Upstream;
  readonly signal: AbortSignal;
}

/** By the first of the peers that takes it in, of whom it then gets what else it needs. @throws DriverError `unavailable` */
export async function enterBy(
  peers: readonly Upstream[],
  { options, layout, record, self, signal }: Entering,
  complete: (peer: Upstream) => Promise<void> = async () => undefined,
): Promise<void> {
  await enterByOneOf(peers, { options, signal }, async (peer) => {
    await record.ask(peer);
    await askMember(peer, enlist(self), { layout, clock: options.clock });
    await complete(peer);
  });
}
