// Called in a process under test whenever it reaches a point. All of it is synchronous: when an armed point is reached,
// nothing else happens in the process before it is dead.
import {
  type Arm,
  countTogether,
  FOLDER_VARIABLE,
  HOME_VARIABLE,
  type Place,
  type Point,
  readArms,
  type Trace,
  takeArm,
  writeFired,
  writeTrace,
} from './control.ts';
import { findVictim } from './victims.ts';

const folder = process.env[FOLDER_VARIABLE] ?? '';
const home = process.env[HOME_VARIABLE] ?? '';

/** What is older is replayed, and no arm counts it: neither one that is there now, nor one that will be. */
let nothingCountsBefore: string | undefined;

/** How often this process has reached the point of each arm. */
const counts = new Map<string, number>();

export function reach(point: Point, place: Place): void {
  // A peer that starts has a long log behind it.
  nothingCountsBefore ??= [new Date().toISOString(), ...readArms(folder).map(({ since }) => since)].sort()[0] ?? '';
  if (place.at !== undefined && place.at < nothingCountsBefore) return;
  const trace: Trace = { ...point, ...place, pid: process.pid, time: new Date().toISOString() };
  writeTrace(folder, trace);
  for (const arm of readArms(folder)) {
    if (!isMeant(arm, trace) || count(arm) !== arm.count) continue;
    const victim = arm.victim === point.process ? process.pid : findVictim(home, arm.victim, place);
    if (victim === undefined || !takeArm(folder, arm.id)) continue;
    writeFired(folder, { arm: arm.id, killed: victim, trace });
    process.kill(victim, 'SIGKILL');
  }
}

function isMeant({ point, since }: Arm, { process: kind, name, step, at }: Trace): boolean {
  return point.process === kind && point.name === name && point.step === step && (at === undefined || at >= since);
}

/** Each peer sees every entry, so it counts alone; a command goes to one executor or agent, so they count together. */
function count(arm: Arm): number {
  if (arm.point.process !== 'leader' && arm.point.process !== 'follower') return countTogether(folder, arm);
  counts.set(arm.id, (counts.get(arm.id) ?? 0) + 1);
  return counts.get(arm.id) ?? 0;
}
