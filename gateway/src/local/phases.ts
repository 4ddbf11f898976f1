// The phases of a start, each with its duration: what takes long is seen at once.
import type { Clock } from '@argosy/proto';
import type { Terminal } from '../cli/terminal.ts';
import { durationText } from '../cli/times.ts';

const NAME_WIDTH = 12;
const DETAIL_WIDTH = 44;
const REDRAW_MS = 250;

/** Shows what a phase is doing, on a terminal. */
export type ShowProgress = (...lines: readonly string[]) => void;

export class Phases {
  readonly #terminal: Terminal;
  readonly #clock: Clock;
  readonly #startMs: number;

  constructor(terminal: Terminal, clock: Clock) {
    this.#terminal = terminal;
    this.#clock = clock;
    this.#startMs = clock.monotonicMs();
  }

  /** Does the work of one phase, which answers what came out of it in a few words. */
  async run(name: string, work: (show: ShowProgress) => Promise<string>): Promise<void> {
    const start = this.#clock.monotonicMs();
    const elapsed = (): string => durationText(this.#clock.monotonicMs() - start);
    let shown: readonly string[] = ['…'];
    const draw = (): void => {
      const [first = '', ...others] = shown;
      this.#terminal.redraw([phaseLine(name, first, elapsed()), ...others]);
    };
    const timer = setInterval(draw, REDRAW_MS);
    draw();
    try {
      const detail = await work((...lines) => {
        shown = lines;
        draw();
      });
      this.#terminal.redraw([]);
      this.#terminal.out(phaseLine(name, detail, elapsed()));
    } catch (error) {
      this.#terminal.redraw([]);
      this.#terminal.out(phaseLine(name, 'failed', elapsed()));
      throw error;
    } finally {
      clearInterval(timer);
    }
  }

  /** Since the first phase began. */
  totalText(): string {
    return durationText(this.#clock.monotonicMs() - this.#startMs);
  }
}

function phaseLine(name: string, detail: string, duration: string): string {
  return `  ${name.padEnd(NAME_WIDTH)} ${detail.padEnd(DETAIL_WIDTH)} ${duration.padStart(8)}`;
}
