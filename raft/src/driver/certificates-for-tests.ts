// A certificate authority and one certificate per peer, made by the openssl of this machine.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface TestCertificate {
  readonly certificate: Buffer;
  readonly key: Buffer;
}

const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '1'];

function openssl(...args: string[]): void {
  execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'] });
}

/** Certificates named after `names`, with that name as DNS name, and the authority that signed them. */
export function makeCertificates(
  directory: string,
  names: readonly string[],
): { authority: Buffer; of: (name: string) => TestCertificate } {
  const path = (file: string) => join(directory, file);
  openssl('req', '-x509', ...newKey, '-subj', '/CN=authority', '-keyout', path('ca.key'), '-out', path('ca.pem'));
  for (const name of names) {
    openssl(
      ...['req', '-x509', '-CA', path('ca.pem'), '-CAkey', path('ca.key'), ...newKey],
      ...['-subj', `/CN=${name}`, '-addext', `subjectAltName=DNS:${name}`, '-addext', 'basicConstraints=CA:FALSE'],
      ...['-keyout', path(`${name}.key`), '-out', path(`${name}.pem`)],
    );
  }
  return {
    authority: readFileSync(path('ca.pem')),
    of: (name) => ({ certificate: readFileSync(path(`${name}.pem`)), key: readFileSync(path(`${name}.key`)) }),
  };
}
