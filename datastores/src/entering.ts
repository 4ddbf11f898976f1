// How a member of a cluster whose engine rules itself comes in: by the first of those that are there that takes it in.
import { DriverError, type DriverOptions, type Upstream } from './driver.ts';
import { sleep } from './server-process.ts';

const ENTER_MS = 20_000;
const ENTER_POLL_MS = 250;

/** Asks one peer after the other, again and again for a while. @throws DriverError `unavailable` with what the last one said */
export async function enterByOneOf(
  peers: readonly Upstream[],
  { options, signal }: { readonly options: DriverOptions; readonly signal: AbortSignal },
  enterBy: (peer: Upstream) => Promise<void>,
): Promise<void> {
  const { clock } = options;
  const deadline = clock.monotonicMs() + ENTER_MS;
  let reason: unknown = new Error('the command names none');
  do {
    for (const peer of peers) {
      try {
        signal.throwIfAborted();
        return await enterBy(peer);
      } catch (error) {
        reason = error;
      }
    }
    await sleep(options, ENTER_POLL_MS);
  } while (peers.length > 0 && !signal.aborted && clock.monotonicMs() < deadline);
  const why = reason instanceof Error ? reason.message : String(reason);
  throw new DriverError('unavailable', `No member of the cluster takes this one in: ${why}`, { cause: reason });
}
