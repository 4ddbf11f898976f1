// Keystone tokens as signed statements, like its Fernet ones: they stay good over a restart of microcloud and cost no
// memory. Only those that were given back are remembered, until they would have ended anyway.
import { createHmac, randomUUID, timingSafeEqual } from 'node:crypto';
import type { Clock } from '@argosy/proto';

/** Keystone's default. */
const LIFE_MS = 3_600_000;

export interface Token {
  readonly id: string;
  readonly userName: string;
  /** Undefined: unscoped. */
  readonly projectId?: string;
  readonly methods: readonly string[];
  readonly issuedAtMs: number;
  readonly expiresAtMs: number;
}

export class Tokens {
  readonly #key: string;
  readonly #clock: Clock;
  readonly #revoked = new Map<string, number>();
  #notBeforeMs = 0;

  constructor(key: string, clock: Clock) {
    this.#key = key;
    this.#clock = clock;
  }

  /** A new token. One that was got for another ends with that one. */
  issue(of: Pick<Token, 'userName' | 'projectId' | 'methods'>, endsAtMs?: number): { token: Token; text: string } {
    const now = this.#clock.now().getTime();
    const token: Token = { ...of, id: randomUUID(), issuedAtMs: now, expiresAtMs: endsAtMs ?? now + LIFE_MS };
    const payload = Buffer.from(JSON.stringify(token)).toString('base64url');
    return { token, text: `${payload}.${this.#sign(payload)}` };
  }

  /** The token; undefined when it is none of ours, has ended or was given back. */
  read(text: string): Token | undefined {
    const [payload = '', signature = ''] = text.split('.');
    const expected = Buffer.from(this.#sign(payload));
    const given = Buffer.from(signature);
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) return undefined;
    const token = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8')) as Token;
    if (
      this.#revoked.has(token.id) ||
      token.issuedAtMs < this.#notBeforeMs ||
      token.expiresAtMs <= this.#clock.now().getTime()
    )
      return undefined;
    return token;
  }

  revoke(token: Token): void {
    const now = this.#clock.now().getTime();
    for (const [id, endsAtMs] of this.#revoked) if (endsAtMs <= now) this.#revoked.delete(id);
    this.#revoked.set(token.id, token.expiresAtMs);
  }

  /** Ends every token that was given until now. */
  expireAll(): void {
    this.#notBeforeMs = this.#clock.now().getTime() + 1;
  }

  #sign(payload: string): string {
    return createHmac('sha256', this.#key).update(payload).digest('base64url');
  }
}
