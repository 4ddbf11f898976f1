// How a region joins a federation without a secret leaving either side: the region makes a key and a request that names
// it, the operator signs the request with the root's key, the region checks what came back. Both ways are one file.
import { createPrivateKey, X509Certificate } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import { createSigningRequest, type KeyPair, signIntermediate } from './certificates.ts';
import { intermediateCommonName, isRegionName, ROOT_COMMON_NAME } from './identity.ts';

const REQUEST_LABEL = 'CERTIFICATE REQUEST';
const CERTIFICATES = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;

/** Says what is wrong with a request or a certificate, in a sentence for an operator. */
export class TrustError extends Error {
  override readonly name = 'TrustError';
}

export interface RegionName {
  readonly federation: string;
  readonly region: string;
}

/** The authority that a region has been given. */
export interface RegionAuthority extends RegionName {
  /** PEM. */
  readonly certificate: string;
  readonly root: string;
}

/** A new key of a region's authority, and the request (PEM) that names the region. @throws TrustError */
export async function createRegionRequest(name: RegionName): Promise<{ request: string; key: string }> {
  checkNames(name);
  const { request, key } = await createSigningRequest(name.region, name.federation);
  return { request: `${x509.PemConverter.encode(request, REQUEST_LABEL)}\n`, key };
}

/**
 * Signs a region's request with the root. The answer is PEM, the region's certificate and then the root's.
 * @throws TrustError when the request is not of the root's federation, its name is reserved or malformed, or key and
 * certificate of the root do not belong together.
 */
export async function signRegionRequest(
  root: KeyPair,
  request: string,
  now: Date,
): Promise<RegionName & { readonly bundle: string }> {
  const federation = readRoot(root.certificate);
  if (!isPair(root)) throw new TrustError('This key is not the key of this root certificate.');
  const parsed = readRequest(request);
  const name = { federation: field(parsed.subjectName, 'O'), region: field(parsed.subjectName, 'CN') };
  checkNames(name);
  if (name.federation !== federation) {
    throw new TrustError(`The request is for the federation "${name.federation}", the root is "${federation}"'s.`);
  }
  const options = { request: new Uint8Array(parsed.rawData), ...name, now };
  const certificate = await signIntermediate(root, options);
  return { ...name, bundle: `${certificate.trim()}\n${root.certificate.trim()}\n` };
}

/** Reads what was signed for a region. @throws TrustError when it is not this key's, or its root did not sign it. */
export function readRegionAuthority(bundle: string, key: string, now: Date): RegionAuthority {
  const [certificate, root, ...others] = bundle.match(CERTIFICATES) ?? [];
  if (certificate === undefined || root === undefined || others.length > 0) {
    throw new TrustError("The file must hold two certificates: the region's, then the root's.");
  }
  const federation = readRoot(root);
  const authority = new X509Certificate(certificate);
  if (!isPair({ certificate, key }))
    throw new TrustError("The certificate was signed for another key than this region's.");
  if (!authority.ca || !authority.verify(new X509Certificate(root).publicKey)) {
    throw new TrustError('The certificate was not signed by this root.');
  }
  if (now > new Date(authority.validTo)) throw new TrustError(`The certificate ended on ${authority.validTo}.`);
  const commonName = field(new x509.X509Certificate(certificate).subjectName, 'CN');
  const region = commonName.slice(intermediateCommonName('').length);
  if (commonName !== intermediateCommonName(region)) {
    throw new TrustError(`"${commonName}" is not a region's authority.`);
  }
  checkNames({ federation, region });
  return { federation, region, certificate, root };
}

/** True when the key is the certificate's. */
export function isPair({ certificate, key }: KeyPair): boolean {
  try {
    return new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key));
  } catch {
    return false;
  }
}

/** The federation that a root certificate is of. */
function readRoot(certificate: string): string {
  try {
    const { subjectName } = new x509.X509Certificate(certificate);
    if (field(subjectName, 'CN') === ROOT_COMMON_NAME) return field(subjectName, 'O');
  } catch {
    // Said below.
  }
  throw new TrustError("This is not a federation's root certificate.");
}

function readRequest(request: string): x509.Pkcs10CertificateRequest {
  try {
    return new x509.Pkcs10CertificateRequest(x509.PemConverter.decodeFirst(request));
  } catch (cause) {
    throw new TrustError('The file holds no signing request.', { cause });
  }
}

function checkNames({ federation, region }: RegionName): void {
  if (!isRegionName(region)) throw new TrustError(`"${region}" cannot be the name of a region.`);
  if (!isRegionName(federation)) throw new TrustError(`"${federation}" cannot be the name of a federation.`);
}

function field(name: x509.Name, key: string): string {
  return name.getField(key)[0] ?? '';
}
