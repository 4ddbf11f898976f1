// What the members' servers show each other. Galera asks no more of a certificate than who signed it, and all members of a
// federation have the same root. So each cluster has a certificate of its own that vouches for itself: the first agent
// draws it, the others are told it with its key over mutual TLS, and nobody else can come in.
import 'reflect-metadata';
import { randomBytes, webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';

x509.cryptoProvider.set(webcrypto as unknown as Parameters<typeof x509.cryptoProvider.set>[0]);

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const SERIAL_BYTES = 16;
const DAY_MS = 86_400_000;
/** As long as the cluster lives: nobody outside of it ever sees it. */
const VALID_MS = 100 * 365 * DAY_MS;

/** PEM. */
export interface GroupCertificate {
  readonly certificate: string;
  readonly key: string;
}

export async function drawGroupCertificate(clusterId: string, now: Date): Promise<GroupCertificate> {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: randomBytes(SERIAL_BYTES).toString('hex'),
    name: [{ CN: [clusterId] }],
    notBefore: new Date(now.getTime() - DAY_MS),
    notAfter: new Date(now.getTime() + VALID_MS),
    signingAlgorithm: ALGORITHM,
    keys,
  });
  const key = x509.PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey), 'PRIVATE KEY');
  return { certificate: `${certificate.toString('pem')}\n`, key: `${key}\n` };
}
