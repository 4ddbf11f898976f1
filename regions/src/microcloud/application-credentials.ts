// Application credentials: what a user has made to be signed in by, in one project, without the user's own password.
import { createHash, randomBytes, randomUUID, timingSafeEqual } from 'node:crypto';
import type { Collection } from './collection.ts';

export interface ApplicationCredential {
  readonly id: string;
  readonly name: string;
  readonly userName: string;
  readonly projectId: string;
  readonly secretHash: string;
}

const SECRET_BYTES = 48;

export class ApplicationCredentials {
  readonly #kept: Collection<ApplicationCredential>;

  constructor(kept: Collection<ApplicationCredential>) {
    this.#kept = kept;
  }

  /** The secret is told once. */
  make(of: Pick<ApplicationCredential, 'name' | 'userName' | 'projectId'>): {
    readonly credential: ApplicationCredential;
    readonly secret: string;
  } {
    const secret = randomBytes(SECRET_BYTES).toString('base64url');
    const credential = { ...of, id: randomUUID().replaceAll('-', ''), secretHash: hash(secret) };
    this.#kept.put(credential);
    return { credential, secret };
  }

  /** Undefined when there is none of this id, or the secret is another. */
  find(id: string, secret: string): ApplicationCredential | undefined {
    const known = this.#kept.get(id);
    if (known === undefined) return undefined;
    return timingSafeEqual(Buffer.from(known.secretHash), Buffer.from(hash(secret))) ? known : undefined;
  }

  /** True when the user had it. */
  remove(id: string, userName: string): boolean {
    if (this.#kept.get(id)?.userName !== userName) return false;
    this.#kept.remove(id);
    return true;
  }
}

function hash(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}
