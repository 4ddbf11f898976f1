// The member's key is born here and never leaves the volume. Until the executor has brought a certificate for it, the
// agent serves with one that nobody vouches for.
import { X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import { ensureFolder, readIfThere, type ServerCertificate, writeDurably } from '@argosy/datastores/drivers';
import { type Clock, createSigningRequest, type Identity, identityUri, selfSigned, serverName } from '@argosy/proto';
import { agentFolder } from './state.ts';

const SELF_SIGNED_DAYS = 3650;
const MODE = 0o600;

export class InvalidCertificateError extends Error {
  override readonly name = 'InvalidCertificateError';
}

export class MemberCertificates {
  readonly #folder: string;
  readonly #identity: Identity;
  readonly #root: string;
  readonly #key: string;
  readonly request: Buffer;
  #chain: string | undefined;
  readonly #selfSigned: string;

  private constructor(
    place: { folder: string; identity: Identity; root: string },
    material: { key: string; request: Buffer; chain: string | undefined; selfSigned: string },
  ) {
    this.#folder = place.folder;
    this.#identity = place.identity;
    this.#root = place.root;
    this.#key = material.key;
    this.request = material.request;
    this.#chain = material.chain;
    this.#selfSigned = material.selfSigned;
  }

  /** Reads the key from the volume, or makes it. */
  static async open(options: {
    volume: string;
    identity: Identity;
    root: string;
    clock: Clock;
  }): Promise<MemberCertificates> {
    const { identity, root, clock } = options;
    const folder = agentFolder(options.volume);
    await ensureFolder(folder, { mode: 0o700 });
    const path = join(folder, 'key.json');
    let text = await readIfThere(path);
    if (text === undefined) {
      const made = await createSigningRequest(serverName(identity).slice(0, 64));
      text = JSON.stringify({ key: made.key, request: made.request.toString('base64') });
      await writeDurably(path, text, { mode: MODE });
    }
    const stored = JSON.parse(text) as { key: string; request: string };
    const material = {
      key: stored.key,
      request: Buffer.from(stored.request, 'base64'),
      chain: await readIfThere(join(folder, 'certificate.pem')),
      selfSigned: await selfSigned(stored.key, serverName(identity), { now: clock.now(), days: SELF_SIGNED_DAYS }),
    };
    return new MemberCertificates({ folder, identity, root }, material);
  }

  get isEnrolled(): boolean {
    return this.#chain !== undefined;
  }

  /** What the agent serves with now. */
  get current(): ServerCertificate {
    return { certificate: this.#chain ?? this.#selfSigned, key: this.#key, root: this.#root };
  }

  /**
   * Keeps a certificate (PEM: the leaf, then the region's intermediate). False when it is the one we have.
   * @throws InvalidCertificateError when it is not for our key and name, or not under our root.
   */
  async install(chain: string): Promise<boolean> {
    if (chain === this.#chain) return false;
    this.#check(chain);
    await writeDurably(join(this.#folder, 'certificate.pem'), chain, { mode: MODE });
    this.#chain = chain;
    return true;
  }

  #check(chain: string): void {
    const certificates = chain.match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g) ?? [];
    const [leaf, issuer] = certificates.map((pem) => new X509Certificate(pem));
    if (leaf === undefined || issuer === undefined || certificates.length !== 2) {
      throw new InvalidCertificateError('The chain must be the leaf, then its issuer.');
    }
    const root = new X509Certificate(this.#root);
    const key = new X509Certificate(this.#selfSigned).publicKey.export({ type: 'spki', format: 'der' });
    if (!leaf.publicKey.export({ type: 'spki', format: 'der' }).equals(key)) {
      throw new InvalidCertificateError("The certificate is not for this member's key.");
    }
    if (!(leaf.subjectAltName ?? '').split(', ').includes(`URI:${identityUri(this.#identity)}`)) {
      throw new InvalidCertificateError("The certificate is not in this member's name.");
    }
    if (!leaf.verify(issuer.publicKey) || !issuer.ca || !issuer.verify(root.publicKey)) {
      throw new InvalidCertificateError("The certificate does not come from this federation's root.");
    }
  }
}
