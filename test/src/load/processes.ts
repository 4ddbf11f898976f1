// What a process has used, as /proc tells.
import { readFileSync } from 'node:fs';

/** Linux tells times to programs in hundredths of a second, on every architecture that Node runs on. */
const MS_PER_TICK = 10;

/** Of all its threads, user and system, since its start. */
export function cpuMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  // After the command's name in brackets: the 12th and 13th are the times.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * MS_PER_TICK;
}

export function residentMib(pid: number): number {
  const kib = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1];
  return Math.round(Number(kib) / 1024);
}
