// What members tell each other beside what Redis copies, over the agents' mutual TLS: opaque to the agents.
import { DriverError, type DriverOptions, type Upstream } from '../driver.ts';
import type { User } from './config.ts';
import type { Lineage } from './lineage.ts';

export interface Share {
  readonly secret: string;
  readonly users: readonly User[];
  readonly accountsGeneration: number;
  readonly lineage: Lineage;
  /** How far the data reach; null when nobody knows, or no server runs. */
  readonly offset: number | null;
  readonly isPrimary: boolean;
}

export async function askShare(options: DriverOptions, upstream: Upstream): Promise<Share> {
  if (options.shareOf === undefined) throw new Error('This driver needs to ask other members.');
  const text = await options.shareOf(upstream).catch((error: unknown) => {
    throw new DriverError('unavailable', `Member ${upstream.memberId} does not tell what it shares.`, { cause: error });
  });
  return { accountsGeneration: 0, ...(JSON.parse(text) as Omit<Share, 'accountsGeneration'>) };
}
