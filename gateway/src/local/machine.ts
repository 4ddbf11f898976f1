// What a federation needs of its machine, looked at before anything is started: a clear word now instead of a database
// that dies later.
import { readFileSync } from 'node:fs';
import { StartError } from './errors.ts';

const NEEDED_FILE_HANDLES = 512;
const WANTED_MEMORY_MIB = 1_500;
/** Keystone and Heat of one region. */
const OPENSTACK_MEMORY_MIB = 320;
const FALLBACK_EPHEMERAL_PORT = 32_768;

/**
 * @param openstackRegions in how many regions a real Keystone and a real Heat are wanted.
 * @throws StartError when it cannot work. Returns what may become a problem.
 */
export function checkMachine(limits: string, memory: string, openstackRegions: number): string[] {
  const handles = Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1] ?? Number.POSITIVE_INFINITY);
  if (handles < NEEDED_FILE_HANDLES) {
    throw new StartError(
      `This shell allows ${handles} open files a process; at least ${NEEDED_FILE_HANDLES} are needed ("ulimit -n ${NEEDED_FILE_HANDLES}").`,
    );
  }
  const availableKib = Number(/^MemAvailable:\s+(\d+) kB/m.exec(memory)?.[1] ?? Number.POSITIVE_INFINITY);
  const availableMib = Math.floor(availableKib / 1024);
  const wantedMib = WANTED_MEMORY_MIB + OPENSTACK_MEMORY_MIB * openstackRegions;
  if (availableMib >= wantedMib) return [];
  return [`Only ${availableMib} MiB of memory are free; about ${wantedMib} MiB are needed.`];
}

/** The first port that the kernel gives to clients. */
export function firstEphemeralPort(): number {
  try {
    const text = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8');
    return Number(text.trim().split(/\s+/)[0]);
  } catch {
    return FALLBACK_EPHEMERAL_PORT;
  }
}
