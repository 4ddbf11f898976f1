// What a seed's world is like. Each world has its own: some never lose a message, some lose every tenth; what is rare
// on average is common somewhere.

import type { NetworkHabits } from './network.ts';
import type { PeerSettings } from './peer-settings.ts';
import type { Random } from './random.ts';
import type { DiskHabits } from './simulated-disk.ts';
import type { StreamHabits } from './snapshot-stream.ts';

export interface Habits {
  readonly peerCount: number;
  readonly settings: PeerSettings;
  readonly network: NetworkHabits;
  readonly disks: readonly DiskHabits[];
  /** When each peer becomes one of the later version. */
  readonly upgradesAtMs: readonly number[];
  /** How fast each peer's clock runs. */
  readonly clockRates: readonly number[];
  readonly clientCount: number;
  /** So many of them have sessions. */
  readonly sessionClientCount: number;
  readonly keyCount: number;
  /** Between an answer and the next question, on average. */
  readonly thinkMs: number;
  readonly readShare: number;
  readonly casShare: number;
  /** Bytes that some commands carry besides. */
  readonly paddingBytes: number;
  /** Bytes that every snapshot has besides. */
  readonly ballastBytes: number;
  readonly streams: StreamHabits | undefined;
  /** Faults come so often on average. */
  readonly faultEveryMs: number;
  readonly meanDownMs: number;
}

export function drawHabits(random: Random): Habits {
  const peerCount = random.pick([1, 3, 3, 3, 3, 3, 5, 5, 5, 7]);
  const isQuick = random.chance(0.7);
  const leaseReads = random.chance(0.5);
  // Leases trust clocks to run equally fast within a tenth.
  const drift = leaseReads ? [0.96, 1.04] : [0.8, 1.25];
  const clockRate = () => (random.chance(0.5) ? 1 : random.between(drift[0] ?? 1, drift[1] ?? 1));
  const chunkBytes = random.pick([100, 400, 1_000]);
  const streams = {
    chunkBytes,
    windowChunks: random.pick([2, 4, 16]),
    cutRate: random.pick([0, 0.02, 0.1, 0.2]),
    lossRate: random.pick([0, 0, 0.02]),
    flipRate: random.pick([0, 0, 0.02]),
  };
  const lateShare = random.pick([0, 0.3, 1]);
  const upgradesAtMs = () => (random.chance(lateShare) ? random.between(0, 40_000) : 0);
  const clientCount = random.pick([2, 3, 5]);
  // What a large write that was torn leaves behind is only met where nothing is written ahead.
  const paddingBytes = random.pick([0, 0, 200, 3_000]);
  return {
    peerCount,
    settings: {
      tickMs: random.pick([50, 100, 100]),
      heartbeatTicks: random.pick([1, 2, 2]),
      electionTicks: random.pick([5, 8, 10]),
      leaseReads,
      snapshotEveryEntries: random.pick([5, 10, 20, 50, 200]),
      trailingEntries: random.pick([0, 2, 5, 20]),
      segmentBytes: random.pick([300, 1_000, 4_096, 20_000]),
      preallocateBytes: random.pick(paddingBytes > 1_000 ? [0, 0, 0, 100] : [0, 100, 600, 5_000]),
      receivedSyncBytes: chunkBytes * random.pick([1, 2]),
      sessionTimeoutMs: random.pick([600_000, 600_000, 5_000]),
      // Who has patience with its disk campaigns also while that hangs.
      diskPatienceMs: random.pick([500, 1_000, 60_000, 60_000]),
    },
    network: {
      lossRate: random.pick([0, 0, 0.01, 0.05, 0.1]),
      repeatRate: random.pick([0, 0, 0.02, 0.1]),
      minimumMs: random.pick([0.1, 1, 10]),
      meanExtraMs: random.pick([0.1, 1, 5, 30]),
      keepsOrder: random.chance(0.4),
      usesWire: random.chance(0.25),
    },
    disks: Array.from({ length: peerCount }, () => ({
      sectorBytes: random.pick([512, 512, 4096] as const),
      writeMs: random.pick([0.02, 0.1, 1]),
      syncMs: random.pick([0.1, 1, 5, 20]),
    })),
    upgradesAtMs: Array.from({ length: peerCount }, upgradesAtMs),
    clockRates: Array.from({ length: peerCount }, clockRate),
    clientCount,
    sessionClientCount: Math.min(clientCount - 1, random.pick([0, 1, 1, 2])),
    keyCount: random.pick([1, 2, 4]),
    thinkMs: isQuick ? random.pick([100, 200, 400]) : 800,
    readShare: random.between(0.2, 0.6),
    casShare: random.between(0, 0.4),
    paddingBytes,
    ballastBytes: random.pick([0, 2_000, 6_000]),
    streams: random.chance(0.75) ? streams : undefined,
    faultEveryMs: random.pick([800, 1_500, 3_000, 5_000]),
    meanDownMs: random.pick([200, 1_000, 4_000]),
  };
}
