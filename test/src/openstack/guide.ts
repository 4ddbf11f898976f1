// A guide whose commands are run as they stand in it: its blocks of shell, one after the other, with the places and names
// of a test in the stead of the guide's.
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const BLOCK = /^```(\w*)\n(.*?)^```$/gms;
const LIMIT_MS = 240_000;

export interface GuideOptions {
  /** From the repository's root. */
  readonly document: string;
  /** What the guide says, and what is meant here. The first that fits counts. */
  readonly meant: readonly (readonly [said: string, meant: string])[];
  readonly directory: string;
  readonly environment: NodeJS.ProcessEnv;
}

/** What a block printed. */
export interface Said {
  readonly text: string;
  readonly code: number | null;
  readonly out: string;
  readonly error: string;
}

interface Block {
  readonly language: string;
  readonly text: string;
}

export class Guide {
  readonly #options: GuideOptions;
  readonly #blocks: Block[];

  constructor(options: GuideOptions) {
    this.#options = options;
    const file = fileURLToPath(new URL(`../../../${options.document}`, import.meta.url));
    this.#blocks = [...readFileSync(file, 'utf8').matchAll(BLOCK)].map(([, language = '', text = '']) => ({
      language,
      text: this.#inOurWords(text),
    }));
  }

  /** The blocks that nobody has taken yet. */
  get left(): readonly Block[] {
    return this.#blocks;
  }

  /** The next block's text, which is data and no commands. */
  data(): string {
    return this.#next('json');
  }

  /** Runs the next block to its end. @throws Error with what it printed, when a command of it fails. */
  async run(): Promise<Said> {
    const said = await this.#run(this.#next('sh'));
    if (said.code !== 0)
      throw new Error(`The guide says\n${said.text}and that ends with ${said.code}:\n${said.error}${said.out}`);
    return said;
  }

  /** Starts the next block, which is one command that goes on. */
  start(log: number): ChildProcess {
    return this.#spawn(`exec ${this.#next('sh')}`, log);
  }

  #next(language: string): string {
    const block = this.#blocks.shift();
    if (block?.language !== language) {
      throw new Error(`Next comes a block of ${language}, but the guide has:\n${block?.text ?? 'nothing more'}`);
    }
    return block.text;
  }

  async #run(text: string): Promise<Said> {
    const child = this.#spawn(text, 'pipe');
    const [out, error]: [string[], string[]] = [[], []];
    child.stdout?.on('data', (chunk: Buffer) => out.push(chunk.toString()));
    child.stderr?.on('data', (chunk: Buffer) => error.push(chunk.toString()));
    const timer = setTimeout(() => child.kill('SIGKILL'), LIMIT_MS);
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', resolve);
    });
    clearTimeout(timer);
    return { text, code, out: out.join(''), error: error.join('') };
  }

  #spawn(text: string, output: 'pipe' | number): ChildProcess {
    const { directory, environment } = this.#options;
    return spawn('/bin/sh', ['-e', '-c', text], {
      cwd: directory,
      env: environment,
      stdio: ['ignore', output, output],
    });
  }

  #inOurWords(text: string): string {
    const { meant } = this.#options;
    const said = meant.map(([word]) => word.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'));
    return text.replaceAll(new RegExp(said.join('|'), 'g'), (word) => meant.find(([one]) => one === word)?.[1] ?? word);
  }
}
