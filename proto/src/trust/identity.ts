// Who speaks. An identity is a URI in a certificate (SPIFFE's form) and counts only when the right authority signed it:
// a name in region R when R's intermediate did, a gateway peer's when the federation's root did. The root gives its
// intermediates distinct subjects and a path length of zero, so the issuer's name in a verified chain is proof.

/** The common name of the federation's root. */
export const ROOT_COMMON_NAME = 'argosy root';

/** The first part of a path that no region may be called. */
export const GATEWAY_REALM = 'gateway';

/** A name is a DNS label, short enough for a certificate to hold it beside others. */
const REGION_NAME = /^[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?$/;

/** True when a region, or a federation, may be called so. */
export function isRegionName(name: string): boolean {
  return name !== GATEWAY_REALM && REGION_NAME.test(name);
}

export type Identity =
  | { readonly kind: 'gateway'; readonly federation: string; readonly peer: string }
  | { readonly kind: 'executor'; readonly federation: string; readonly region: string }
  | {
      readonly kind: 'member';
      readonly federation: string;
      readonly region: string;
      readonly clusterId: string;
      readonly memberId: string;
    };

/** The common name of a region's intermediate authority. */
export function intermediateCommonName(region: string): string {
  return `argosy region ${region}`;
}

/** The URI that stands in the certificate. */
export function identityUri(identity: Identity): string {
  switch (identity.kind) {
    case 'gateway':
      return `spiffe://${identity.federation}/${GATEWAY_REALM}/${identity.peer}`;
    case 'executor':
      return `spiffe://${identity.federation}/${identity.region}/executor`;
    case 'member':
      return `spiffe://${identity.federation}/${identity.region}/${identity.clusterId}/${identity.memberId}`;
  }
}

/** The DNS name that stands in the certificate; TLS verifies it, never an address. */
export function serverName(identity: Identity): string {
  const domain = `${identity.federation}.argosy.internal`;
  switch (identity.kind) {
    case 'gateway':
      return `${identity.peer}.${GATEWAY_REALM}.${domain}`;
    case 'executor':
      return `executor.${regionDomain(identity.federation, identity.region)}`;
    case 'member':
      return `${identity.memberId}.${regionDomain(identity.federation, identity.region)}`;
  }
}

/** The only DNS domain in which a region's intermediate may name anything (RFC 5280, 4.2.1.10). */
export function regionDomain(federation: string, region: string): string {
  return `${region}.${federation}.argosy.internal`;
}

/** Reads an identity's URI; undefined when it is none. */
export function parseIdentity(uri: string): Identity | undefined {
  const match = /^spiffe:\/\/([a-z0-9-]+)\/([a-z0-9-]+)\/([A-Za-z0-9-]+)(?:\/([A-Za-z0-9-]+))?$/.exec(uri);
  if (match === null) return undefined;

  const [, federation = '', realm = '', third = '', fourth] = match;
  if (fourth !== undefined) {
    if (realm === GATEWAY_REALM) return undefined;
    return { kind: 'member', federation, region: realm, clusterId: third, memberId: fourth };
  }
  if (realm === GATEWAY_REALM) return { kind: 'gateway', federation, peer: third };
  return third === 'executor' ? { kind: 'executor', federation, region: realm } : undefined;
}

/** What node:tls tells of a peer's certificate, as far as it is needed here. */
export interface PeerCertificateNames {
  readonly subjectaltname?: string | undefined;
  readonly issuer?: { readonly CN?: string | string[] | undefined } | undefined;
}

/**
 * The identity that a verified certificate proves; undefined when it names none, or one that its issuer may not vouch
 * for. The chain itself must have been verified by TLS.
 */
export function certificateIdentity(certificate: PeerCertificateNames | undefined): Identity | undefined {
  const uris = (certificate?.subjectaltname ?? '').split(', ').filter((name) => name.startsWith('URI:'));
  if (uris.length !== 1 || uris[0] === undefined) return undefined;

  const identity = parseIdentity(uris[0].slice('URI:'.length));
  if (identity === undefined) return undefined;
  const authority = identity.kind === 'gateway' ? ROOT_COMMON_NAME : intermediateCommonName(identity.region);
  return certificate?.issuer?.CN === authority ? identity : undefined;
}
