// What etcd does not tell the next member by itself: the password of the agents' user. The first agent draws it, the others
// are told it over mutual TLS.
import { randomBytes } from 'node:crypto';
import type { DriverOptions, Upstream } from '../driver.ts';
import type { Layout } from './layout.ts';

const SECRET_BYTES = 32;

export class RecordFile {
  readonly #options: DriverOptions;
  readonly #path: string;
  #secret: string | undefined;

  constructor(options: DriverOptions, { recordFile }: Layout) {
    this.#options = options;
    this.#path = recordFile;
  }

  /** Empty before the member was founded or has joined. */
  get secret(): string {
    return this.#secret ?? '';
  }

  async open(): Promise<void> {
    const text = await this.#options.files.readIfThere(this.#path);
    this.#secret = text === undefined ? undefined : (JSON.parse(text) as { readonly secret: string }).secret;
  }

  async draw(): Promise<string> {
    const secret = randomBytes(SECRET_BYTES).toString('hex');
    await this.#keep(secret);
    return secret;
  }

  /** @throws Error when the member does not answer, or does not know it */
  async ask(member: Upstream): Promise<void> {
    if (this.#options.shareOf === undefined) throw new Error('This driver needs to ask other members.');
    const secret = await this.#options.shareOf(member);
    if (secret === '') throw new Error(`Member ${member.memberId} does not know the secret of the cluster yet.`);
    await this.#keep(secret);
  }

  async #keep(secret: string): Promise<void> {
    await this.#options.files.writeDurably(this.#path, `${JSON.stringify({ secret })}\n`, { mode: 0o600 });
    this.#secret = secret;
  }
}
