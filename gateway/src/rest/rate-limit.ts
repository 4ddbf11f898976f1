// How many requests of one project a peer takes: a bucket of tokens that fills steadily (the "token bucket" of RFC 2697,
// without colours). Each peer has its own, so that a limit costs no round through the log.
import { ApiError } from './errors.ts';

/** A bucket that was not used for long is full, and need not be remembered. */
const MAX_BUCKETS = 10_000;

export interface RateLimitOptions {
  readonly requestsPerSecond: number;
  /** Requests that may come at once after a silence. */
  readonly burst: number;
  readonly monotonicMs: () => number;
}

interface Bucket {
  readonly tokens: number;
  readonly atMs: number;
}

export class RateLimit {
  readonly #options: RateLimitOptions;
  /** By project, the least recently used first. */
  readonly #buckets = new Map<string, Bucket>();

  constructor(options: RateLimitOptions) {
    this.#options = options;
  }

  /** Takes one token of the project's. @throws ApiError rate.limited */
  take(projectId: string): void {
    const { requestsPerSecond, burst, monotonicMs } = this.#options;
    const atMs = monotonicMs();
    const bucket = this.#buckets.get(projectId) ?? { tokens: burst, atMs };
    const filled = Math.min(burst, bucket.tokens + ((atMs - bucket.atMs) / 1_000) * requestsPerSecond);
    const isAdmitted = filled >= 1;
    this.#remember(projectId, { tokens: isAdmitted ? filled - 1 : filled, atMs });
    if (isAdmitted) return;
    throw new ApiError(
      'rate.limited',
      `This project may ask this peer ${requestsPerSecond} times a second, and ${burst} times at once.`,
      { retryAfterSeconds: Math.max(1, Math.ceil((1 - filled) / requestsPerSecond)) },
    );
  }

  #remember(projectId: string, bucket: Bucket): void {
    this.#buckets.delete(projectId);
    this.#buckets.set(projectId, bucket);
    if (this.#buckets.size <= MAX_BUCKETS) return;
    const oldest = this.#buckets.keys().next().value;
    if (oldest !== undefined) this.#buckets.delete(oldest);
  }
}
