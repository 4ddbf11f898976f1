/** What a world has seen. A world in which nothing happens is safe, and proves nothing. */
export interface Counts {
  simulatedSeconds: number;
  faults: number;
  elections: number;
  acknowledged: number;
  unknown: number;
  reads: number;
  operations: number;
  events: number;
}

export function noCounts(): Counts {
  return {
    ...{ simulatedSeconds: 0, faults: 0, elections: 0, acknowledged: 0 },
    ...{ unknown: 0, reads: 0, operations: 0, events: 0 },
  };
}

export function addCounts(total: Counts, more: Counts): void {
  for (const name of Object.keys(total) as (keyof Counts)[]) total[name] += more[name];
}

export function describeCounts(counts: Counts): string {
  const { simulatedSeconds, faults, elections, operations, acknowledged, unknown, reads } = counts;
  return [
    `${Math.round(simulatedSeconds)} simulated seconds`,
    `${faults} faults`,
    `${elections} elections`,
    `${operations} operations`,
    `${acknowledged} acknowledged writes (${unknown} not known)`,
    `${reads} reads`,
  ].join(', ');
}
