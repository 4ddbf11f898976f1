// Called in a process under test whenever it reaches a point. All of it is synchronous: when the armed point is reached,
// nothing else happens in the process before it is dead.
import {
  type Arm,
  countTogether,
  FOLDER_VARIABLE,
  HOME_VARIABLE,
  type Place,
  type Point,
  readArm,
  type Trace,
  takeArm,
  writeFired,
  writeTrace,
} from './control.ts';
import { findVictim } from './victims.ts';

const folder = process.env[FOLDER_VARIABLE] ?? '';
const home = process.env[HOME_VARIABLE] ?? '';

/** How often this process has reached the point of the arm with this id. */
let counted = { id: '', count: 0 };

export function reach(point: Point, place: Place): void {
  const trace: Trace = { ...point, ...place, pid: process.pid, time: new Date().toISOString() };
  writeTrace(folder, trace);
  const arm = readArm(folder);
  if (arm === undefined || !isMeant(arm, trace) || count(arm) !== arm.count) return;
  const victim = arm.victim === point.process ? process.pid : findVictim(home, arm.victim, place);
  if (victim === undefined || !takeArm(folder)) return;
  writeFired(folder, { arm: arm.id, killed: victim, trace });
  process.kill(victim, 'SIGKILL');
}

function isMeant({ point, since }: Arm, { process: kind, name, step, at }: Trace): boolean {
  return point.process === kind && point.name === name && point.step === step && (at === undefined || at >= since);
}

/** Each peer sees every entry, so it counts alone; a command goes to one executor or agent, so they count together. */
function count(arm: Arm): number {
  if (arm.point.process !== 'leader' && arm.point.process !== 'follower') return countTogether(folder, arm);
  counted = { id: arm.id, count: counted.id === arm.id ? counted.count + 1 : 1 };
  return counted.count;
}
