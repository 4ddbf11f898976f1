// What a run has seen. A world in which nothing goes wrong is safe and proves nothing, so each run tells what did.

const counters = [
  'seeds',
  'simulatedSeconds',
  'events',
  'elections',
  'snapshotsTaken',
  'snapshotsInstalled',
  'snapshotsStreamed',
  'snapshotsResumed',
  'snapshotStreamsCut',
  'crashes',
  'powerLosses',
  'unsyncedLosses',
  'tornTails',
  'restarts',
  'fsyncErrors',
  'fullDisks',
  'slowDisks',
  'rottenBits',
  'refusedDisks',
  'partitions',
  'clogs',
  'pauses',
  'membershipChanges',
  'transfers',
  'leadershipsGivenUp',
  'messages',
  'messagesLost',
  'messagesRepeated',
  'histories',
  'undecidedHistories',
  'operations',
  'unknownOperations',
  'linearizableReads',
  'kindsRefused',
  'sessionsOpened',
  'sessionCommands',
  'sessionRepeats',
  'repeatsPassedOver',
] as const;

export type Counter = (typeof counters)[number];
export type Counts = Record<Counter, number>;

export function noCounts(): Counts {
  return Object.fromEntries(counters.map((name) => [name, 0])) as Counts;
}

export function addCounts(total: Counts, more: Counts): void {
  for (const name of counters) total[name] += more[name];
}

export function describeCounts(counts: Counts): string {
  const words = (name: string) => name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
  return counters.map((name) => `${Math.round(counts[name])} ${words(name)}`).join(', ');
}
