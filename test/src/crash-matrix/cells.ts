// From what a plain run of an operation passed through to every kill that can be made in it, and the choice of a sample.
import { seeded } from '../seeded.ts';
import { type Point, PROCESSES, type ProcessKind, type Trace } from './control.ts';

/** One process killed at one moment of one operation. */
export interface Kill {
  readonly operation: string;
  readonly step: string;
  readonly victim: ProcessKind;
  /** Where the moment is met: most often in the victim itself. */
  readonly point: Point;
  readonly count: number;
}

export const cellOf = ({ operation, step, victim }: Kill): string => `${operation}/${step}/${victim}`;

/** What `--cell` takes: a cell of the table, or one kill of it. */
export function nameOf(kill: Kill): string {
  const { point, victim, count } = kill;
  const where = point.process === victim ? point.name : `${point.process}:${point.name}`;
  return `${cellOf(kill)}/${where}/${count}`;
}

/** Moments at which another process knows best what has become of the victim. */
const AFTER_ANSWER: readonly { readonly by: ProcessKind; readonly name: string; readonly victim: ProcessKind }[] = [
  { by: 'leader', name: 'answered', victim: 'executor' },
  { by: 'executor', name: 'relayed', victim: 'agent' },
];
/** For a process that has no part in the step: it dies when the step begins, and when it has ended. */
const FROM_OUTSIDE = ['applied-started', 'applied-finished'];
const REGIONAL: readonly ProcessKind[] = ['executor', 'microcloud', 'agent'];

/** Every kill of an operation, from the traces of one run of it. */
export function killsOf(operation: string, traces: readonly Trace[]): Kill[] {
  const points = countPoints(traces);
  const kills: Kill[] = [];
  const add = (point: Point, victim: ProcessKind, count: number): void => {
    for (let number = 1; number <= count; number += 1) {
      kills.push({ operation, step: point.step, victim, point, count: number });
    }
  };
  for (const { point, count } of points) {
    add(point, point.process, count);
    const after = AFTER_ANSWER.find(({ by, name }) => by === point.process && name === point.name);
    if (after !== undefined) add(point, after.victim, count);
  }
  const steps = new Set(points.map(({ point }) => point.step).filter((step) => !step.startsWith('(')));
  for (const step of steps) {
    for (const victim of REGIONAL) {
      if (kills.some((kill) => kill.step === step && kill.victim === victim)) continue;
      for (const { point, count } of points) {
        const isMoment = point.process === 'leader' && point.step === step && FROM_OUTSIDE.includes(point.name);
        // Of a member that is gone there is no agent to be killed.
        const isGone = victim === 'agent' && step === 'remove_member' && point.name === 'applied-finished';
        if (isMoment && !isGone) add(point, victim, count);
      }
    }
  }
  return kills;
}

/** Peers count alone, so it is the one that reached a point most often who tells; the others count together. */
function countPoints(traces: readonly Trace[]): { readonly point: Point; readonly count: number }[] {
  const counts = new Map<string, { point: Point; perPid: Map<number, number> }>();
  for (const { process, name, step, pid } of traces) {
    const key = `${process}/${name}/${step}`;
    const entry = counts.get(key) ?? { point: { process, name, step }, perPid: new Map<number, number>() };
    entry.perPid.set(pid, (entry.perPid.get(pid) ?? 0) + 1);
    counts.set(key, entry);
  }
  return [...counts.values()].map(({ point, perPid }) => {
    const isPeer = point.process === 'leader' || point.process === 'follower';
    const all = [...perPid.values()];
    return { point, count: isPeer ? Math.max(...all) : all.reduce((sum, count) => sum + count, 0) };
  });
}

/** So many kills, spread over the cells: no cell twice before each was chosen once. */
export function sampleOf(kills: readonly Kill[], size: number, seed: number): Kill[] {
  const random = seeded(seed);
  const byCell = new Map<string, Kill[]>();
  for (const kill of shuffled(kills, random)) byCell.set(cellOf(kill), [...(byCell.get(cellOf(kill)) ?? []), kill]);
  const cells = shuffled([...byCell.values()], random);
  const chosen: Kill[] = [];
  for (let round = 0; chosen.length < Math.min(size, kills.length); round += 1) {
    chosen.push(...cells.flatMap((cell) => cell.slice(round, round + 1)));
  }
  return chosen.slice(0, size);
}

/**
 * In an order that lets a cluster serve for several, and gives each process time between its deaths: a supervisor gives
 * up what dies too often right after its start.
 */
export function ordered(kills: readonly Kill[], operations: readonly string[]): Kill[] {
  const waiting = new Map(operations.map((operation) => [operation, interleaved(kills, operation)]));
  const rounds: Kill[] = [];
  while ([...waiting.values()].some((queue) => queue.length > 0)) {
    for (const queue of waiting.values()) {
      const next = queue.shift();
      if (next !== undefined) rounds.push(next);
    }
  }
  return rounds;
}

/** So often may a process of a kind die in one run: oftener, and its supervisor gives it up. */
const DEATHS_IN_A_RUN = 3;
/** Of different kinds: the second would hardly be reached in a step that the first has changed, were it of the same. */
const DEATHS_IN_A_STEP = 2;

/** Kills that can be made in one run: of one operation, few of them at one step, in their order. */
export function together(kills: readonly Kill[], size: number): (readonly [Kill, ...Kill[]])[] {
  const groups: [Kill, ...Kill[]][] = [];
  for (const kill of kills) {
    const group = groups.find((other) => {
      const deaths = other.filter(({ victim }) => victim === kill.victim).length;
      const atStep = other.filter(({ step }) => step === kill.step);
      const isOther = atStep.length < DEATHS_IN_A_STEP && atStep.every(({ victim }) => victim !== kill.victim);
      const hasRoom = other.length < size && deaths < DEATHS_IN_A_RUN;
      return hasRoom && other[0].operation === kill.operation && isOther;
    });
    if (group === undefined) groups.push([kill]);
    else group.push(kill);
  }
  return groups;
}

/** The kills of one operation, the victims taking turns. */
function interleaved(kills: readonly Kill[], operation: string): Kill[] {
  const own = kills.filter((kill) => kill.operation === operation);
  const queues = PROCESSES.map((victim) => own.filter((kill) => kill.victim === victim));
  const longest = Math.max(...queues.map(({ length }) => length));
  return Array.from({ length: longest }, (_, index) => queues.flatMap((queue) => queue.slice(index, index + 1))).flat();
}

function shuffled<Item>(items: readonly Item[], random: () => number): Item[] {
  return items
    .map((item) => ({ item, order: random() }))
    .sort((left, right) => left.order - right.order)
    .map(({ item }) => item);
}
