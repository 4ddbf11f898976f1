// The agent's end of the door: starts it or finds it running, and moves its deadline. A door that does not say that it has
// heard is ended for good, so that what this answers is always true: nothing goes out after the deadline it was told.
import { mkdir, unlink } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Processes } from '@argosy/datastores/drivers';
import { type Clock, pause } from '@argosy/proto';
import type { Logger } from 'pino';
import { writeDeadline } from './door-process.ts';

const ANSWER_MS = 2_000;
/** One that has heard nothing for so long is stuck. */
const STUCK_MS = 6_000;
const START_MS = 20_000;
const POLL_MS = 20;

/** What counts the lease in the path of every answer. */
export interface DoorKeeper {
  /** Finds it, or starts it shut; once, however often it is asked. */
  open(): Promise<void>;
  /** When this answers, the door goes by no later deadline than this, of the boot-time clock. */
  move(deadlineMs: number): Promise<void>;
  end(): Promise<void>;
}

export interface DoorPlace {
  readonly address: string;
  readonly port: number;
  readonly serverPort: number;
  readonly runFolder: string;
  /** The program of this process, which can be a door as well. */
  readonly program: readonly string[];
  readonly clock: Clock;
  /** As the agent's own user. */
  readonly processes: Processes;
  readonly log: Logger;
}

interface Waiting {
  readonly line: string;
  readonly sentMs: number;
  readonly answer: (isHeard: boolean) => void;
}

export class ProcessDoor implements DoorKeeper {
  readonly #place: DoorPlace;
  readonly #folder: string;
  readonly #socketPath: string;
  #socket: Socket | undefined;
  #waiting: Waiting[] = [];
  #deadlineMs = Number.NEGATIVE_INFINITY;
  #turn: Promise<void> = Promise.resolve();
  #opening: Promise<void> | undefined;
  #isEnding = false;

  constructor(place: DoorPlace) {
    this.#place = place;
    this.#folder = join(place.runFolder, 'door');
    this.#socketPath = join(this.#folder, 'control');
  }

  async open(): Promise<void> {
    this.#opening ??= this.#findOrStart();
    try {
      await this.#opening;
    } catch (error) {
      this.#opening = undefined;
      throw error;
    }
  }

  async #findOrStart(): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    const found = await this.#dial();
    if (found === undefined) await this.#start();
    else this.#use(found);
  }

  async move(deadlineMs: number): Promise<void> {
    const isLater = deadlineMs >= this.#deadlineMs;
    this.#deadlineMs = deadlineMs;
    const heard = this.#say(writeDeadline(deadlineMs));
    // What lets it pass more may come late; what lets it pass less is waited for.
    if (isLater && this.#socket !== undefined && !this.#isStuck()) return;
    if ((await heard) || this.#isEnding) return;
    this.#turn = this.#turn.then(() => this.#replace()).catch((error: unknown) => this.#failed(error));
    await this.#turn;
  }

  async end(): Promise<void> {
    this.#isEnding = true;
    await this.#kill();
  }

  /** False: it has not said in time that it heard. */
  async #say(line: string): Promise<boolean> {
    const socket = this.#socket;
    if (socket === undefined || !socket.writable) return false;
    let timer: { cancel(): void } | undefined;
    const late = new Promise<false>((resolve) => {
      timer = this.#place.clock.after(ANSWER_MS, () => resolve(false));
    });
    const heard = new Promise<boolean>((resolve) => {
      this.#waiting.push({ line, sentMs: this.#place.clock.monotonicMs(), answer: resolve });
      socket.write(`${line}\n`);
    });
    const answer = await Promise.race([heard, late]);
    timer?.cancel();
    return answer;
  }

  #isStuck(): boolean {
    const [oldest] = this.#waiting;
    return oldest !== undefined && this.#place.clock.monotonicMs() - oldest.sentMs > STUCK_MS;
  }

  /** The one that was there is ended in any case, so that nothing goes out; the next move tries to start another. */
  #failed(error: unknown): void {
    this.#place.log.error({ error }, 'The door cannot be started: the database has no clients.');
  }

  async #replace(): Promise<void> {
    const { log } = this.#place;
    // Somebody else may have replaced it in the meantime.
    if (await this.#say(writeDeadline(this.#deadlineMs))) return;
    log.warn({}, 'The door does not answer: it is ended, and another is started.');
    await this.#start();
  }

  async #start(): Promise<void> {
    const { address, port, serverPort, program, processes, clock, log } = this.#place;
    await this.#kill();
    const [path = '', ...args] = program;
    const place = [address, String(port), String(serverPort), this.#socketPath];
    const environment = { ARGOSY_RUN_DIRECTORY: this.#place.runFolder };
    const started = { path, arguments: [...args, 'door', ...place], folder: this.#folder, environment };
    await processes.start(started, join(this.#folder, 'door.log'));
    const deadline = clock.monotonicMs() + START_MS;
    while (clock.monotonicMs() < deadline) {
      const socket = await this.#dial();
      if (socket !== undefined) {
        this.#use(socket);
        // It was begun shut; what it was told in the meantime counts.
        await this.#say(writeDeadline(this.#deadlineMs));
        log.info({ port, serverPort }, 'The door stands.');
        return;
      }
      await pause(clock, POLL_MS);
    }
    throw new Error('The door did not start: its log says why.');
  }

  async #kill(): Promise<void> {
    const { processes, clock } = this.#place;
    this.#socket?.destroy();
    this.#socket = undefined;
    const pids = await processes.inFolder(this.#folder);
    for (const pid of pids) processes.signal(pid, 'SIGKILL');
    while (pids.length > 0 && (await processes.inFolder(this.#folder)).length > 0) await pause(clock, POLL_MS);
    await unlink(this.#socketPath).catch(() => undefined);
  }

  async #dial(): Promise<Socket | undefined> {
    const socket = connect(this.#socketPath);
    return await new Promise((resolve) => {
      socket.once('connect', () => resolve(socket));
      socket.on('error', () => resolve(undefined));
    });
  }

  #use(socket: Socket): void {
    const waiting: Waiting[] = [];
    this.#socket = socket;
    this.#waiting = waiting;
    createInterface({ input: socket })
      .on('line', (line) => {
        const said = waiting.shift();
        said?.answer(said.line === line);
      })
      .on('error', () => undefined);
    socket.once('close', () => {
      if (this.#socket === socket) this.#socket = undefined;
      // Nobody answers any more.
      for (const said of waiting.splice(0)) said.answer(false);
    });
  }
}
