// What a drill has measured, as its writer saw it, and what is to be thought of it. A pure function of the drill.
import type { Drill, DrillReport } from '../state/drills.ts';

export function reportOf(drill: Drill): DrillReport {
  const { found, spec, abort } = drill;
  const rtoMs = rtoOf(drill);
  const measured = {
    rtoMs,
    rpoMs: found?.count === undefined ? null : found.count.lostMs,
    acknowledgedWrites: found?.acknowledged ?? 0,
    unansweredWrites: found?.unanswered ?? 0,
    lostWrites: found?.count?.lost ?? null,
    doubledWrites: found?.count?.doubled ?? null,
  };
  const faults = [
    ...(rtoMs !== null && rtoMs > spec.goals.rtoMs
      ? [`Writes paused for ${rtoMs} ms; the goal is ${spec.goals.rtoMs} ms.`]
      : []),
    ...((measured.lostWrites ?? 0) > spec.goals.lostWrites
      ? [`${measured.lostWrites} acknowledged writes are lost; the goal is at most ${spec.goals.lostWrites}.`]
      : []),
    ...((measured.doubledWrites ?? 0) > 0 ? [`${measured.doubledWrites} writes are there twice.`] : []),
    ...(drill.timeline.some(({ kind }) => kind === 'not_whole') ? ['The cluster did not become whole again.'] : []),
  ];
  if (faults.length > 0) return { ...measured, verdict: 'failed', reasons: faults };
  if (abort !== undefined) return { ...measured, verdict: 'aborted', reasons: [abort] };
  if (rtoMs === null || measured.lostWrites === null) {
    return { ...measured, verdict: 'unknown', reasons: ['The writer did not tell what became of its writes.'] };
  }
  const lost = `${measured.lostWrites} of ${measured.acknowledgedWrites} acknowledged writes are lost`;
  return { ...measured, verdict: 'passed', reasons: [`Writes paused for ${rtoMs} ms, and ${lost}.`] };
}

/** The longest pause that had not ended when the disaster came; null when it never came, or nothing was heard since. */
function rtoOf({ found, strike }: Drill): number | null {
  if (strike === undefined || found?.lastAt === undefined) return null;
  const struckMs = Date.parse(strike.at);
  if (Date.parse(found.lastAt) < struckMs) return null;
  const since = found.pauses.filter(({ from, lastedMs }) => Date.parse(from) + lastedMs > struckMs);
  return Math.max(0, ...since.map(({ lastedMs }) => lastedMs));
}
