// SCRAM-SHA-256 (RFC 5802, RFC 7677) as PostgreSQL keeps it: the server, and whoever sends it the verifier, never
// learns the password.
import { createHash, createHmac, pbkdf2Sync } from 'node:crypto';

/** PostgreSQL's own number of rounds. */
export const SCRAM_ITERATIONS = 4096;

const KEY_BYTES = 32;

/**
 * The verifier in the form that `CREATE ROLE ... PASSWORD` takes as it is:
 * `SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>`, the last three in base64.
 */
export function scramVerifier(password: string, salt: Uint8Array, iterations: number = SCRAM_ITERATIONS): string {
  const salted = pbkdf2Sync(prepare(password), salt, iterations, KEY_BYTES, 'sha256');
  const clientKey = createHmac('sha256', salted).update('Client Key').digest();
  const storedKey = createHash('sha256').update(clientKey).digest('base64');
  const serverKey = createHmac('sha256', salted).update('Server Key').digest('base64');
  return `SCRAM-SHA-256$${iterations}:${Buffer.from(salt).toString('base64')}$${storedKey}:${serverKey}`;
}

/** True for what `scramVerifier` makes, and for nothing that could be a password in clear. */
export function isScramVerifier(text: string): boolean {
  return /^SCRAM-SHA-256\$\d+:[A-Za-z0-9+/=]+\$[A-Za-z0-9+/]{43}=:[A-Za-z0-9+/]{43}=$/.test(text);
}

/** RFC 4013's main effect, and what a client's library does to the same password: compatibility composition. */
function prepare(password: string): string {
  return password.normalize('NFKC');
}
