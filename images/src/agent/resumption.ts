// Takes the stored role up again: after a start, after the database ended by itself, and when a command could not be
// done at once. It tries for as long as the role is the same, less and less often.
import type { Driver, Role } from '@argosy/datastores/drivers';
import type { Clock, Timer } from '@argosy/proto';
import type { Logger } from 'pino';
import type { CommandQueue } from './command-queue.ts';
import type { StateFile } from './state.ts';

const RETRY_FIRST_MS = 200;
const RETRY_LAST_MS = 5_000;

export interface ResumptionParts {
  /** Does what is stored, and says what that is. Undefined when nothing is. */
  readonly takeUp: () => Promise<object | undefined>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly queue: CommandQueue;
  readonly onChange: () => void;
}

export class Resumption {
  readonly #parts: ResumptionParts;
  #retryMs = RETRY_FIRST_MS;
  #timer: Timer | undefined;
  #isEnding = false;

  constructor(parts: ResumptionParts) {
    this.#parts = parts;
  }

  /** What is stored is done later when it cannot be done now. */
  async orLater<Answer>(work: Promise<Answer>): Promise<Answer> {
    try {
      return await work;
    } catch (error) {
      this.#after(this.#retryMs);
      throw error;
    }
  }

  soon(): void {
    this.#after(0);
  }

  /** What is stored is done when it is commanded, not before. */
  hold(): void {
    this.#timer?.cancel();
  }

  end(): void {
    this.#isEnding = true;
    this.#timer?.cancel();
  }

  #after(delayMs: number): void {
    const { clock, queue, log, onChange } = this.#parts;
    this.#timer?.cancel();
    if (this.#isEnding) return;
    this.#timer = clock.after(delayMs, () => {
      queue
        .run('resume', () => this.#takeUp())
        .catch((error: unknown) => {
          log.warn({ error }, 'The role cannot be taken up; trying again.');
          // Whether it is given up, so that another is to lead, is told without delay.
          onChange();
          this.#retryMs = Math.min(this.#retryMs * 2, RETRY_LAST_MS);
          this.#after(this.#retryMs);
        });
    });
  }

  async #takeUp(): Promise<void> {
    const { takeUp, log, onChange } = this.#parts;
    const taken = this.#isEnding ? undefined : await takeUp();
    if (taken === undefined) return;
    this.#retryMs = RETRY_FIRST_MS;
    log.info(taken, 'Took up its role.');
    onChange();
  }
}

/** Of a member that is given its role. */
export function resumptionOfRole(
  {
    file,
    driver,
    ...parts
  }: Omit<ResumptionParts, 'takeUp' | 'queue'> & { readonly file: StateFile; readonly driver: Driver },
  queue: CommandQueue,
): Resumption {
  const takeUp = async (): Promise<object | undefined> => {
    const { role, data } = file.state;
    if (role === null || data.status === 'incomplete') return undefined;
    await takeUpRole(role, driver);
    return { role: role.kind, epoch: role.epoch };
  };
  return new Resumption({ ...parts, queue, takeUp });
}

/** Makes a server what it is to be. */
export async function takeUpRole(role: Role, driver: Driver): Promise<void> {
  if (role.kind === 'primary') await driver.lead(role);
  else await driver.follow(role);
}
