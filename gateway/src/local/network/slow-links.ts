// Lets packets of slow links wait. A small program beside us does it, on a device of the router's, for kernels seldom
// have netem; it is started when the first link is slow, and ends with us.
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { StartError } from '../errors.ts';
import { ip, run, within } from './commands.ts';
import { SLOW_TABLE } from './rules.ts';

const PYTHON = '/usr/bin/python3';
const DEVICE = 'slow';
/** What comes back from the detour may be from an address of the router's own, when it is a translated one. */
const SETTINGS = ['rp_filter', 'accept_local']
  .map((name, value) => `echo ${value} > /proc/sys/net/ipv4/conf/${DEVICE}/${name}`)
  .join('\n');
const LIMIT_MS = 10_000;

export type Delays = readonly (readonly [string, string, number])[];

export class SlowLinks {
  readonly #router: string;
  readonly #script: string;
  #child: ChildProcess | undefined;
  #answers: ((line: string | undefined) => void)[] = [];

  constructor(router: string, repository: string) {
    this.#router = router;
    this.#script = join(repository, 'gateway/netns/delay_packets.py');
  }

  /** In force when it answers. @throws StartError */
  async set(delays: Delays): Promise<void> {
    if (this.#child === undefined && delays.length === 0) return;
    const child = this.#child ?? (await this.#start());
    const told = this.#answer();
    child.stdin?.write(`${JSON.stringify(delays)}\n`);
    await told;
  }

  close(): void {
    this.#child?.stdin?.end();
    this.#child?.kill();
  }

  async #start(): Promise<ChildProcess> {
    if (!existsSync(PYTHON)) throw new StartError(`Slow links need ${PYTHON} (Debian's package python3).`);
    const [file = '', ...args] = within(this.#router, [PYTHON, this.#script, DEVICE]);
    const child = spawn(file, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#child = child;
    const lose = (): void => {
      // Without it the table has no routes, and packets go straight on.
      if (this.#child === child) this.#child = undefined;
      for (const answer of this.#answers.splice(0)) answer(undefined);
    };
    child.on('error', lose);
    child.on('exit', lose);
    child.stdin?.on('error', () => undefined);
    createInterface({ input: child.stdout }).on('line', (line) => this.#answers.shift()?.(line));
    await this.#answer();
    await run(within(this.#router, ['sh', '-c', SETTINGS]));
    await ip(`-n ${this.#router} link set ${DEVICE} up`);
    await ip(`-n ${this.#router} route replace default dev ${DEVICE} table ${SLOW_TABLE}`);
    return child;
  }

  /** The program's next line. */
  #answer(): Promise<void> {
    return new Promise((resolve, reject) => {
      const fail = (): void => reject(new StartError('The program that lets packets wait has failed.'));
      const timer = setTimeout(fail, LIMIT_MS);
      this.#answers.push((line) => {
        clearTimeout(timer);
        if (line === undefined) fail();
        else resolve();
      });
    });
  }
}
