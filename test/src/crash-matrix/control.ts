// What the harness and the processes under test say to each other, as files in one folder: the harness arms kills, and the
// process that reaches an armed point takes that arm away first, so that its next life lives, writes down what it does,
// and kills. Every point that is reached is traced, from which the harness learns which points an operation has.
import {
  appendFileSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';

/** The folder; the supervisor keeps variables with the product's own prefix from its children, so it has another one. */
export const FOLDER_VARIABLE = 'CRASH_MATRIX_FOLDER';
export const HOME_VARIABLE = 'CRASH_MATRIX_HOME';

export const PROCESSES = ['leader', 'follower', 'executor', 'microcloud', 'agent'] as const;
export type ProcessKind = (typeof PROCESSES)[number];

/** What is done at a point, and for which step: the step's kind, or one of an operation's ends in brackets. */
export interface Point {
  readonly process: ProcessKind;
  readonly name: string;
  readonly step: string;
}

export interface Arm {
  readonly id: string;
  readonly point: Point;
  /** The how manieth time the point is reached. */
  readonly count: number;
  /** Who is killed then. */
  readonly victim: ProcessKind;
  /** Entries of the log that are older were replayed, and do not count. */
  readonly since: string;
}

/** What is known of where a point was reached. */
export interface Place {
  readonly operation?: string;
  readonly region?: string;
  readonly ordinal?: number;
  /** The time of the entry, for points of the log. */
  readonly at?: string;
}

export interface Trace extends Point, Place {
  readonly pid: number;
  readonly time: string;
}

export interface Fired {
  readonly arm: string;
  readonly killed: number;
  readonly trace: Trace;
}

/** A folder of their own: it is listed at every point, and must stay small. */
const armsFolder = (folder: string): string => join(folder, 'arms');
const armFile = (folder: string, id: string): string => join(armsFolder(folder), id);
const firedFile = (folder: string, id: string): string => join(folder, `fired-${id}`);
const traceFile = (folder: string): string => join(folder, 'trace.jsonl');

export function writeArm(folder: string, arm: Arm): void {
  mkdirSync(armsFolder(folder), { recursive: true });
  writeFileSync(join(folder, arm.id), JSON.stringify(arm));
  renameSync(join(folder, arm.id), armFile(folder, arm.id));
}

export function readArms(folder: string): Arm[] {
  if (!existsSync(armsFolder(folder))) return [];
  return readdirSync(armsFolder(folder)).flatMap((name) => readJson<Arm>(armFile(folder, name)) ?? []);
}

/** True for the one caller who took it. */
export function takeArm(folder: string, id: string): boolean {
  try {
    unlinkSync(armFile(folder, id));
    return true;
  } catch {
    return false;
  }
}

/** Counts over all processes: the number of this call, from 1. */
export function countTogether(folder: string, arm: Arm): number {
  for (let number = 1; ; number += 1) {
    try {
      closeSync(openSync(join(folder, `count-${arm.id}-${number}`), 'wx'));
      return number;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
}

export function writeFired(folder: string, fired: Fired): void {
  writeFileSync(firedFile(folder, fired.arm), JSON.stringify(fired));
}

export function readFired(folder: string, id: string): Fired | undefined {
  return readJson<Fired>(firedFile(folder, id));
}

/** Lines of several processes: each is one write, and short. */
export function writeTrace(folder: string, trace: Trace): void {
  appendFileSync(traceFile(folder), `${JSON.stringify(trace)}\n`);
}

export function readTraces(folder: string): Trace[] {
  const lines = readFileSync(traceFile(folder), 'utf8').split('\n');
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as Trace);
}

function readJson<Value>(file: string): Value | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Value;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
