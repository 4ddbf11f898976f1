// What a script is: a calm world, and what is done in it.
import type { Stage } from './stage.ts';

export interface Script {
  readonly voters: number;
  readonly replicas?: number;
  /** Of an asynchronous cluster. */
  readonly rpoSeconds?: number;
  /** Whether everything must come to rest afterwards. */
  readonly isHealed?: boolean;
  play(stage: Stage): Promise<void>;
}

export function isElected({ cluster }: Stage, epoch: number): boolean {
  return cluster.epoch >= epoch && cluster.primary !== undefined;
}
