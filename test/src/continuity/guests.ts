// The guests of one member or region as whole machines: they lose their power at once, and get it back.
import { spawn } from 'node:child_process';
import { readFileSync, readlinkSync } from 'node:fs';
import { findGuests, type GuestProcess, readFederation } from '../crash-matrix/victims.ts';

/** What a process starts before it is reached is found in a later round. */
const ROUNDS = 5;

/** What a guest was started with. */
interface Boot {
  readonly words: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly folder: string;
}

export class Guests {
  readonly #home: string;

  constructor(home: string) {
    this.#home = home;
  }

  /** Kills init, agent and database of the member with one blow. Answers what gives it its power back. */
  cutPower(isMeant: (guest: GuestProcess) => boolean): () => void {
    const killed = new Set<number>();
    const boots: Boot[] = [];
    // What is started in between by a process that was still alive is found in the next round.
    for (let round = 0; round < ROUNDS; round += 1) {
      const found = findGuests(this.#home).filter((guest) => isMeant(guest) && !killed.has(guest.pid));
      if (found.length === 0) break;
      const rank = { init: 0, agent: 1, database: 2, other: 3 } as const;
      for (const { pid, role, region } of found.sort((left, right) => rank[left.role] - rank[right.role])) {
        if (role === 'init') boots.push(bootOf(pid, this.#entryTo(region)));
        signal(pid, 'SIGKILL');
        killed.add(pid);
      }
    }
    if (boots.length === 0) throw new Error('There is no such guest.');
    return () => {
      for (const { words, environment, folder } of boots) {
        const [program = '', ...rest] = words;
        spawn(program, rest, { env: environment, cwd: folder, detached: true, stdio: 'ignore' }).unref();
      }
    };
  }

  /** Kills the member's server alone; init and agent live on. @throws Error when it does not run */
  killServer(memberId: string): void {
    const servers = findGuests(this.#home).filter((guest) => guest.memberId === memberId && guest.role === 'database');
    if (servers.length === 0) throw new Error(`No server of ${memberId} runs.`);
    for (const { pid } of servers) signal(pid, 'SIGKILL');
  }

  /** The words by which a process gets into the region's own network. */
  #entryTo(region: string): readonly string[] {
    const place = readFederation(this.#home).network?.places.find(({ name }) => name === region);
    return place === undefined ? [] : ['nsenter', `--net=/var/run/netns/${place.namespace}`];
  }

  /** Stops all of a guest's processes where they stand, its clients' connections left open. Answers what lets them go on. */
  freeze(memberId: string): () => void {
    const frozen = new Set<number>();
    for (let round = 0; round < ROUNDS; round += 1) {
      const found = findGuests(this.#home).filter((guest) => guest.memberId === memberId && !frozen.has(guest.pid));
      for (const { pid } of found) {
        signal(pid, 'SIGSTOP');
        frozen.add(pid);
      }
    }
    return () => {
      for (const pid of frozen) signal(pid, 'SIGCONT');
    };
  }

  /** The gateway cannot see the region any more; its members notice nothing. */
  hideRegion(name: string): () => void {
    const pid = readFederation(this.#home).regions.find((region) => region.name === name)?.pid ?? 0;
    signal(pid, 'SIGSTOP');
    return () => signal(pid, 'SIGCONT');
  }

  /** Kills all that the region runs: its executor, its cloud and its guests. The first two are started again. */
  cutRegion(name: string): () => void {
    const region = readFederation(this.#home).regions.find((known) => known.name === name);
    for (const pid of [region?.pid, region?.microcloud_pid]) if (pid) signal(pid, 'SIGKILL');
    return this.cutPower((guest) => guest.region === name);
  }
}

function bootOf(pid: number, entry: readonly string[]): Boot {
  const list = (file: string): string[] => readFileSync(`/proc/${pid}/${file}`, 'utf8').split('\0').filter(Boolean);
  const pairs = list('environ').map((text) => [text.slice(0, text.indexOf('=')), text.slice(text.indexOf('=') + 1)]);
  return {
    words: [...entry, ...list('cmdline')],
    environment: Object.fromEntries(pairs),
    folder: readlinkSync(`/proc/${pid}/cwd`),
  };
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    // It has ended by itself meanwhile.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
