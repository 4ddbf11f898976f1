// A case of a region's contract: what it is given, and what it is called.
import type { ExecutionContext } from 'ava';
import { waitUntil } from '../crash-matrix/waiting.ts';
import type { RegionClient } from './region-client.ts';
import type { Target } from './targets.ts';

export interface Given {
  readonly target: Target;
  /** The stacks of the executor's project. */
  readonly region: RegionClient;
}

/** By their titles, each a fact about a region. */
export type Cases = Record<string, (t: ExecutionContext, given: Given) => Promise<void>>;

/** On a busy machine the real Heat takes half a minute for what takes it two seconds. */
const LIMIT_MS = 90_000;

/** Waits for a state. @throws Error when it does not come about in time */
export function until(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
  return waitUntil(what, LIMIT_MS, isSo);
}

/**
 * Waits until the stack's server is being booted, and Heat has written down which one it is. An engine that dies between
 * the two has made a server that nobody knows of; that is not what these cases are about.
 */
export async function booting({ target, region }: Given, stackName: string): Promise<void> {
  await until('the server is being booted', () => target.servers().some(({ status }) => status === 'BUILD'));
  if (target.name === 'microcloud') return;
  const { body } = await region.ask(`?name=${stackName}`);
  const path = `/${stackName}/${body.stacks[0].id}/resources?nested_depth=2`;
  const [server] = target.servers();
  await until('Heat knows the server', async () => {
    const { resources } = (await region.ask(path)).body;
    return resources.some((one: { physical_resource_id: string }) => one.physical_resource_id === server?.id);
  });
}
