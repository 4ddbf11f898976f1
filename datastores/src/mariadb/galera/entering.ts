// How a member comes in: one that is there tells it what the group is known by, and writes it into the list of members.
import { DriverError, type DriverOptions, type Upstream } from '../../driver.ts';
import { sleep } from '../../server-process.ts';
import { askMember } from '../connection.ts';
import { enlist } from './group.ts';
import type { Layout } from './layout.ts';
import type { Record } from './record.ts';

const ENTER_MS = 20_000;
const ENTER_POLL_MS = 250;

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
  const { clock } = options;
  const deadline = clock.monotonicMs() + ENTER_MS;
  let reason: unknown = new Error('the command names none');
  do {
    for (const peer of peers) {
      try {
        signal.throwIfAborted();
        await record.ask(peer);
        await askMember(peer, enlist(self), { layout, clock });
        return await complete(peer);
      } catch (error) {
        reason = error;
      }
    }
    await sleep(options, ENTER_POLL_MS);
  } while (peers.length > 0 && !signal.aborted && clock.monotonicMs() < deadline);
  const why = reason instanceof Error ? reason.message : String(reason);
  throw new DriverError('unavailable', `No member of the cluster takes this one in: ${why}`, { cause: reason });
}
