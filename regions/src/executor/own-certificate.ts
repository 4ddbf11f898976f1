// The executor's own certificate, which its region's authority issues: made anew in good time, written to its files, and
// handed to whoever serves or dials with it. Connections that stand are left alone.
import { X509Certificate } from 'node:crypto';
import { renameSync, writeFileSync } from 'node:fs';
import { type Clock, type Credentials, type Identity, isPair, issueLeaf, type KeyPair } from '@argosy/proto';
import type { Logger } from 'pino';

const SECRET_FILE = 0o600;
const PUBLIC_FILE = 0o644;
/** A certificate is renewed when less of its life is left. */
const RENEWAL_SHARE = 1 / 3;

export interface OwnCertificateWorld {
  readonly intermediate: KeyPair;
  readonly identity: Identity;
  readonly days: number;
  readonly files: { readonly certificateFile: string; readonly keyFile: string };
  readonly clock: Clock;
  readonly log: Logger;
}

export class OwnCertificate {
  #credentials: Credentials;
  readonly #world: OwnCertificateWorld;
  readonly #listeners = new Set<(credentials: Credentials) => void>();

  constructor(credentials: Credentials, world: OwnCertificateWorld) {
    this.#credentials = credentials;
    this.#world = world;
  }

  readonly current = (): Credentials => this.#credentials;

  onRenewal(listener: (credentials: Credentials) => void): void {
    this.#listeners.add(listener);
  }

  /** Renews when less than a third of its life is left, or when its key is another's. */
  async renewIfDue(): Promise<boolean> {
    const { intermediate, identity, days, clock, log } = this.#world;
    const now = clock.now();
    if (!isDue(this.#credentials, now)) return false;
    const pair = await issueLeaf(intermediate, { identity, validity: { now, days } });
    this.#credentials = { ...pair, root: this.#credentials.root };
    try {
      this.#write(pair);
    } catch (error) {
      // It serves with the new one all the same, and the next start makes another.
      log.warn({ err: error }, 'the renewed certificate cannot be written');
    }
    for (const listener of this.#listeners) listener(this.#credentials);
    log.info({ days }, 'own certificate renewed');
    return true;
  }

  /** Both are written before either is replaced; one without the other is seen at the next start. */
  #write({ certificate, key }: KeyPair): void {
    const { certificateFile, keyFile } = this.#world.files;
    writeFileSync(`${keyFile}.new`, key, { mode: SECRET_FILE });
    writeFileSync(`${certificateFile}.new`, certificate, { mode: PUBLIC_FILE });
    renameSync(`${keyFile}.new`, keyFile);
    renameSync(`${certificateFile}.new`, certificateFile);
  }
}

function isDue(own: KeyPair, now: Date): boolean {
  if (!isPair(own)) return true;
  const { validFrom, validTo } = new X509Certificate(own.certificate);
  const [from, to] = [Date.parse(validFrom), Date.parse(validTo)];
  return to - now.getTime() < (to - from) * RENEWAL_SHARE;
}
