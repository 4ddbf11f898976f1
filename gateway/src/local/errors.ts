/** Why a local federation does not start or go on, written for the person who started it. */
export class StartError extends Error {
  override readonly name = 'StartError';
}
