/** By what a repeat of the request that began an operation is known. */
export interface Idempotency {
  readonly projectId: string;
  readonly key: string;
  /** A digest of the request. */
  readonly fingerprint: string;
}
