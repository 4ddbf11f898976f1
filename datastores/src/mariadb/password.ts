// What the server keeps of a password (mysql_native_password): the hash of its hash. Clients of every kind know it; it
// comes over TLS only. It is not salted, so passwords must be drawn, not chosen, to withstand whoever reads the verifier.
import { createHash } from 'node:crypto';

export function nativeVerifier(password: string): string {
  const once = createHash('sha1').update(password, 'utf8').digest();
  return `*${createHash('sha1').update(once).digest('hex').toUpperCase()}`;
}

export function isNativeVerifier(text: string): boolean {
  return /^\*[0-9A-F]{40}$/.test(text);
}
