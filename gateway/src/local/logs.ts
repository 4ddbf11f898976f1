// The log files of a federation's processes.
import { closeSync, openSync, readSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** A log that is larger than this at a start is put aside; the one put aside before is dropped. */
const ROTATE_BYTES = 20 * 1024 * 1024;
const TAIL_BYTES = 16 * 1024;

export function logFile(folder: string, name: string): string {
  return join(folder, `${name}.log`);
}

export function rotateLog(path: string, limitBytes = ROTATE_BYTES): void {
  if (sizeOf(path) > limitBytes) renameSync(path, `${path}.1`);
}

/** The last lines of a log. */
export function tailOf(path: string, lines: number): string[] {
  const size = sizeOf(path);
  if (size === 0) return [];
  const buffer = Buffer.alloc(Math.min(size, TAIL_BYTES));
  const file = openSync(path, 'r');
  try {
    readSync(file, buffer, 0, buffer.length, size - buffer.length);
  } finally {
    closeSync(file);
  }
  return buffer.toString('utf8').trimEnd().split('\n').slice(-lines);
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}
