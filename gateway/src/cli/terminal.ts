// What the command line and `npm start` write to. On a terminal the lines of `redraw` replace one another in place;
// elsewhere they are left out, and what matters is written line by line.

/** Where lines go. */
export interface Terminal {
  /** True when a person watches: lines may then be drawn again in place. */
  readonly isInteractive: boolean;
  out(line: string): void;
  error(line: string): void;
  /** Draws these lines in the place of those drawn before; no lines wipe them away. Does nothing off a terminal. */
  redraw(lines: readonly string[]): void;
}

/** The part of a stream that a terminal needs. */
export interface TextStream {
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
  readonly rows?: number | undefined;
  write(text: string): unknown;
}

const DEFAULT_COLUMNS = 80;
const DEFAULT_ROWS = 24;
const CLEAR_TO_END_OF_SCREEN = '\x1b[J';

/** A terminal over two streams, such as the process's own. */
export function openTerminal(stdout: TextStream, stderr: TextStream): Terminal {
  const isInteractive = stdout.isTTY === true;
  let drawn: readonly string[] = [];

  const erase = (): string => (drawn.length === 0 ? '' : `\x1b[${drawn.length}A\r${CLEAR_TO_END_OF_SCREEN}`);
  const paint = (lines: readonly string[]): void => {
    // A line that wraps, or a block that scrolls, could not be found again to be drawn over.
    const columns = stdout.columns ?? DEFAULT_COLUMNS;
    const rows = stdout.rows ?? DEFAULT_ROWS;
    const fitting = lines.slice(-(rows - 1)).map((line) => shorten(line, columns - 1));
    stdout.write(`${erase()}${fitting.map((line) => `${line}\n`).join('')}`);
    drawn = fitting;
  };
  const between = (write: () => void): void => {
    const kept = drawn;
    if (kept.length > 0) paint([]);
    write();
    if (kept.length > 0) paint(kept);
  };

  return {
    isInteractive,
    out: (line) => between(() => stdout.write(`${line}\n`)),
    error: (line) => between(() => stderr.write(`${line}\n`)),
    redraw: (lines) => {
      if (isInteractive && (lines.length > 0 || drawn.length > 0)) paint(lines);
    },
  };
}

function shorten(line: string, columns: number): string {
  return line.length <= columns ? line : `${line.slice(0, columns - 1)}…`;
}
