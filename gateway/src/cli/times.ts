// Times and durations as people read them.

const SECOND_MS = 1_000;
const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;

/** A duration in the largest unit that says enough: `350 ms`, `1.2 s`, `2 min 5 s`, `3 h 2 min`. */
export function durationText(durationMs: number): string {
  if (durationMs < 100) return `${Math.max(0, Math.round(durationMs))} ms`;
  if (durationMs < MINUTE_MS) return `${(durationMs / SECOND_MS).toFixed(1)} s`;
  if (durationMs < HOUR_MS) {
    return `${Math.floor(durationMs / MINUTE_MS)} min ${Math.floor((durationMs % MINUTE_MS) / SECOND_MS)} s`;
  }
  return `${Math.floor(durationMs / HOUR_MS)} h ${Math.floor((durationMs % HOUR_MS) / MINUTE_MS)} min`;
}

/** How long ago a time was; the time itself when it cannot be read, and a dash when there is none. */
export function agoText(time: string | null | undefined, now: Date): string {
  if (time === null || time === undefined) return '-';
  const age = now.getTime() - Date.parse(time);
  if (Number.isNaN(age)) return time;
  if (age < MINUTE_MS) return `${Math.max(0, Math.floor(age / SECOND_MS))} s ago`;
  if (age < HOUR_MS) return `${Math.floor(age / MINUTE_MS)} min ago`;
  if (age < DAY_MS) return `${Math.floor(age / HOUR_MS)} h ago`;
  return `${Math.floor(age / DAY_MS)} days ago`;
}
