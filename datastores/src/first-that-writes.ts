// How a drill's client finds the member that takes writes, whatever the engine.
import type { DrillClient, DrillClientOptions, Upstream } from './driver.ts';

const RETRY_MS = 20;
/** Longer than a connection takes. */
const PATIENCE_MS = 1_500;

/**
 * The client of the first member to which `connect` answers one; undefined when no member takes writes for a while. Each
 * is asked again and again by itself: who is cut off delays nobody.
 */
export async function firstThatWrites(
  options: DrillClientOptions,
  connect: (member: Upstream, options: DrillClientOptions) => Promise<DrillClient | undefined>,
): Promise<DrillClient | undefined> {
  let isOver = false;
  const find = new Promise<DrillClient>((resolve) => {
    const seek = async (member: Upstream): Promise<void> => {
      while (!isOver) {
        const client = await connect(member, options);
        if (client === undefined) await pause(RETRY_MS);
        else if (isOver) client.close();
        else {
          isOver = true;
          resolve(client);
        }
      }
    };
    for (const member of options.members) void seek(member);
  });
  const found = await Promise.race([find, pause(PATIENCE_MS).then(() => undefined)]);
  isOver = true;
  return found;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
