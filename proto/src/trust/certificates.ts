// The certificates of a federation: a root, one intermediate per region, and short-lived leaves that carry an identity
// as a URI and a DNS name (RFC 5280). ECDSA on P-256. A key is born where it is used: others see only a signing request.
import 'reflect-metadata';
import { createHmac, timingSafeEqual, webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import {
  GATEWAY_REALM,
  type Identity,
  identityUri,
  intermediateCommonName,
  ROOT_COMMON_NAME,
  regionDomain,
  serverName,
} from './identity.ts';

x509.cryptoProvider.set(webcrypto as unknown as Parameters<typeof x509.cryptoProvider.set>[0]);

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const CLOCK_SKEW_MS = 5 * 60_000;
const AUTHORITY_DAYS = 3650;
const MS_PER_DAY = 86_400_000;

/** A certificate (chain) with its key, all PEM. */
export interface KeyPair {
  readonly certificate: string;
  readonly key: string;
}

/** How long a certificate is good for, and from when. */
export interface Validity {
  readonly now: Date;
  readonly days: number;
}

/** Makes a federation's root authority. Its key belongs to the operator; no process reads it at run time. */
export async function createRoot(federation: string, now: Date): Promise<KeyPair> {
  const keys = await newKeys();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: newSerial(),
    name: commonName(ROOT_COMMON_NAME, federation),
    ...period({ now, days: AUTHORITY_DAYS }),
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 1, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certificate: certificate.toString('pem'), key: await exportKey(keys.privateKey) };
}

/** A new key and a signing request for it (PKCS #10, DER). */
export async function createSigningRequest(
  name: string,
  organisation?: string,
): Promise<{ request: Buffer; key: string }> {
  const keys = await newKeys();
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    name: commonName(name, organisation),
    keys,
    signingAlgorithm: ALGORITHM,
  });
  return { request: Buffer.from(request.rawData), key: await exportKey(keys.privateKey) };
}

/**
 * Signs a region's request with the root: an authority that may name things in its own region's domain only.
 * @throws Error when the request is not signed by its own key, or the region's name is reserved.
 */
export async function signIntermediate(
  root: KeyPair,
  options: { request: Uint8Array; federation: string; region: string; now: Date },
): Promise<string> {
  if (options.region === GATEWAY_REALM) throw new Error(`A region cannot be called "${GATEWAY_REALM}".`);
  const publicKey = await requestedKey(options.request);
  const certificate = await sign(root, {
    subject: commonName(intermediateCommonName(options.region), options.federation),
    publicKey,
    validity: { now: options.now, days: AUTHORITY_DAYS },
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      permittedDomain(regionDomain(options.federation, options.region)),
      await x509.SubjectKeyIdentifierExtension.create(publicKey),
    ],
  });
  return certificate;
}

/**
 * Signs a leaf for an identity. The answer is the PEM chain without the root: the leaf, then its issuer unless that is
 * the root.
 * @throws Error when the request is not signed by its own key.
 */
export async function signLeaf(
  authority: KeyPair,
  options: { request: Uint8Array; identity: Identity; addresses?: readonly string[]; validity: Validity },
): Promise<string> {
  const { identity } = options;
  const names: x509.JsonGeneralNames = [
    { type: 'url', value: identityUri(identity) },
    { type: 'dns', value: serverName(identity) },
    ...(options.addresses ?? []).map((value) => ({ type: 'ip' as const, value })),
  ];
  const leaf = await sign(authority, {
    // PostgreSQL's `cert` authentication reads the common name: members of a cluster share it.
    subject: commonName(identity.kind === 'member' ? identity.clusterId : serverName(identity).slice(0, 64)),
    publicKey: await requestedKey(options.request),
    validity: options.validity,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth]),
      new x509.SubjectAlternativeNameExtension(names),
    ],
  });
  return identity.kind === 'gateway' ? leaf : `${leaf}\n${authority.certificate.trim()}\n`;
}

/** A new key and its leaf at once, for a process whose authority is at hand. */
export async function issueLeaf(
  authority: KeyPair,
  options: { identity: Identity; addresses?: readonly string[]; validity: Validity },
): Promise<KeyPair> {
  const { request, key } = await createSigningRequest(serverName(options.identity).slice(0, 64));
  return { certificate: await signLeaf(authority, { ...options, request }), key };
}

/** A certificate that nobody vouches for: what an agent serves with until it is enrolled. Its key stays the member's. */
export async function selfSigned(key: string, name: string, validity: Validity): Promise<string> {
  const keys = await importKeys(key);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: newSerial(),
    name: commonName(name.slice(0, 64)),
    ...period(validity),
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: [new x509.SubjectAlternativeNameExtension([{ type: 'dns', value: name }])],
  });
  return certificate.toString('pem');
}

/** The public key that a request asks a certificate for (SubjectPublicKeyInfo, DER). */
export function requestPublicKey(request: Uint8Array): Buffer {
  return Buffer.from(new x509.Pkcs10CertificateRequest(Buffer.from(request)).publicKey.rawData);
}

/** The one-time token of a member: HMAC of the region's key and the member's id, in hexadecimal. */
export function enrolmentToken(regionKey: string, memberId: string): string {
  return createHmac('sha256', regionKey).update(`argosy enrolment ${memberId}`).digest('hex');
}

/** What proves that a signing request comes from the guest that was given the token. */
export function enrolmentMac(token: string, request: Uint8Array): Buffer {
  return createHmac('sha256', token).update(request).digest();
}

/** Compares two MACs in constant time. */
export function isSameMac(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && timingSafeEqual(left, right);
}

interface SignOptions {
  readonly subject: string;
  readonly publicKey: x509.PublicKey;
  readonly validity: Validity;
  readonly extensions: x509.Extension[];
}

async function sign(authority: KeyPair, options: SignOptions): Promise<string> {
  const issuer = new x509.X509Certificate(authority.certificate);
  const keys = await importKeys(authority.key);
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: newSerial(),
    subject: options.subject,
    issuer: issuer.subject,
    ...period(options.validity),
    signingAlgorithm: ALGORITHM,
    publicKey: options.publicKey,
    signingKey: keys.privateKey,
    extensions: [...options.extensions, await x509.AuthorityKeyIdentifierExtension.create(issuer.publicKey)],
  });
  return certificate.toString('pem');
}

async function requestedKey(request: Uint8Array): Promise<x509.PublicKey> {
  const parsed = new x509.Pkcs10CertificateRequest(Buffer.from(request));
  if (!(await parsed.verify())) throw new Error('The signing request is not signed by its own key.');
  return parsed.publicKey;
}

function period({ now, days }: Validity): { notBefore: Date; notAfter: Date } {
  return { notBefore: new Date(now.getTime() - CLOCK_SKEW_MS), notAfter: new Date(now.getTime() + days * MS_PER_DAY) };
}

function commonName(name: string, organisation?: string): string {
  return organisation === undefined ? `CN=${name}` : `CN=${name}, O=${organisation}`;
}

function newSerial(): string {
  // RFC 5280, 4.1.2.2: positive and at most 20 octets.
  return `00${Buffer.from(webcrypto.getRandomValues(new Uint8Array(16))).toString('hex')}`;
}

/** NameConstraints (OID 2.5.29.30), critical: permittedSubtrees with one dNSName. */
function permittedDomain(domain: string): x509.Extension {
  const der = (tag: number, content: Buffer): Buffer => Buffer.concat([Buffer.from([tag, content.length]), content]);
  const DNS_NAME = 0x82;
  const SEQUENCE = 0x30;
  const PERMITTED = 0xa0;
  const subtree = der(SEQUENCE, der(DNS_NAME, Buffer.from(domain, 'ascii')));
  return new x509.Extension('2.5.29.30', true, der(SEQUENCE, der(PERMITTED, subtree)));
}

async function newKeys(): Promise<webcrypto.CryptoKeyPair> {
  return (await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair;
}

async function exportKey(key: webcrypto.CryptoKey): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key));
  return x509.PemConverter.encode(der, 'PRIVATE KEY');
}

async function importKeys(pem: string): Promise<webcrypto.CryptoKeyPair> {
  const der = Buffer.from(x509.PemConverter.decodeFirst(pem));
  const privateKey = await webcrypto.subtle.importKey('pkcs8', der, ALGORITHM, true, ['sign']);
  const { d: _secret, ...jwk } = await webcrypto.subtle.exportKey('jwk', privateKey);
  const publicKey = await webcrypto.subtle.importKey('jwk', { ...jwk, key_ops: ['verify'] }, ALGORITHM, true, [
    'verify',
  ]);
  return { privateKey, publicKey };
}
