// Processes of the benchmark: what one asks of another goes over Node's IPC channel as numbered questions. A child ends
// when its parent is gone.
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

interface Question {
  readonly id: number;
  readonly question: unknown;
}

interface Answer {
  readonly id: number;
  readonly answer?: unknown;
  readonly error?: string;
}

export class Child<Asked> {
  readonly #process: ChildProcess;
  readonly #waiting = new Map<number, { resolve: (answer: unknown) => void; reject: (error: Error) => void }>();
  readonly #ended: Promise<void>;
  #count = 0;
  #hasEnded = false;

  /** Starts a module beside this one, with one argument as JSON. */
  constructor(module: string, argument: unknown, nodeArguments: readonly string[] = []) {
    const path = fileURLToPath(new URL(module, import.meta.url));
    this.#process = fork(path, [JSON.stringify(argument)], {
      execArgv: [...nodeArguments],
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    this.#process.on('message', ({ id, answer, error }: Answer) => {
      const asker = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (error === undefined) asker?.resolve(answer);
      else asker?.reject(new Error(error));
    });
    this.#ended = new Promise((resolve) => {
      this.#process.once('exit', (code, signal) => {
        this.#hasEnded = true;
        const error = new Error(`${module} ended (${signal ?? code}).`);
        for (const { reject } of this.#waiting.values()) reject(error);
        this.#waiting.clear();
        resolve();
      });
    });
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  ask<Answered>(question: Asked): Promise<Answered> {
    if (this.#hasEnded) return Promise.reject(new Error('The process has ended.'));
    this.#count += 1;
    const id = this.#count;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve: (answer) => resolve(answer as Answered), reject });
      this.#process.send({ id, question } satisfies Question, (error) => {
        if (error !== null) reject(error);
      });
    });
  }

  async kill(): Promise<void> {
    if (!this.#hasEnded) this.#process.kill('SIGKILL');
    await this.#ended;
  }
}

/** What the child was started with. */
export function startArgument<T>(): T {
  return JSON.parse(process.argv[2] ?? 'null') as T;
}

/** In the child: answers questions from now on. */
export function answerParent<Asked>(answer: (question: Asked) => Promise<unknown>): void {
  process.on('disconnect', () => process.exit(0));
  process.on('message', ({ id, question }: Question) => {
    void answer(question as Asked)
      .then((value): Answer => ({ id, answer: value }))
      .catch((error: Error): Answer => ({ id, error: error.stack ?? String(error) }))
      .then((message) => process.send?.(message));
  });
}
