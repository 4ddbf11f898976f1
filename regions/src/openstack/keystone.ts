// A service user's session with Keystone v3: a token that is renewed before it expires and after a 401, and the
// catalog that came with it. Tokens of others are checked here too, with the token itself as the proof to ask.

import { type Clock, pause } from '@argosy/proto';
import { status } from '@grpc/grpc-js';
import { OpenStackError } from './errors.ts';
import { answerError, type Fetch, type HttpAnswer, type HttpRequest } from './http.ts';

/** A token this near to its end is not used any more. */
const RENEW_BEFORE_MS = 120_000;
/**
 * Keystone counts in seconds when a user's tokens were ended (its revocation events, its Fernet tokens): one that was
 * issued within the same second is refused as well.
 */
const REVOCATION_MS = 1_000;
const MAX_RENEWALS = 2;

/** By its id, or by its name in a domain. */
export type Named =
  | { readonly id: string }
  | { readonly name: string; readonly domain: { readonly id: string } | { readonly name: string } };

export type Credential =
  | { readonly kind: 'password'; readonly user: Named; readonly password: string; readonly project: Named }
  /** It stands for a user in one project. */
  | { readonly kind: 'application'; readonly id: string; readonly secret: string };

export interface KeystoneAccount {
  /** Keystone's URL, with or without `/v3`. */
  readonly authUrl: string;
  readonly region: string;
  readonly interface: 'public' | 'internal' | 'admin';
  readonly credential: Credential;
}

interface CatalogEntry {
  readonly type: string;
  readonly endpoints: readonly { readonly interface: string; readonly region_id?: string; readonly url: string }[];
}

interface TokenBody {
  readonly expires_at: string;
  readonly user: { readonly id: string; readonly name: string };
  readonly project?: { readonly id: string; readonly name: string };
  readonly roles?: readonly { readonly name: string }[];
  readonly catalog?: readonly CatalogEntry[];
}

interface Session {
  readonly token: string;
  readonly expiresAtMs: number;
  readonly catalog: readonly CatalogEntry[];
}

/** Whom a token stands for. */
export interface TokenOwner {
  readonly userId: string;
  readonly userName: string;
  readonly projectId: string | undefined;
  readonly roles: readonly string[];
  readonly expiresAt: Date;
}

export class Keystone {
  readonly #account: KeystoneAccount;
  readonly #fetch: Fetch;
  readonly #clock: Clock;
  #session: Promise<Session> | undefined;

  constructor(account: KeystoneAccount, fetch: Fetch, clock: Clock) {
    this.#account = account;
    this.#fetch = fetch;
    this.#clock = clock;
  }

  /** Sends a request to the service of this type, with our token. `path` continues the catalog's URL. */
  async request(serviceType: string, input: Omit<HttpRequest, 'url'> & { readonly path: string }): Promise<HttpAnswer> {
    for (let renewals = 0; ; renewals++) {
      const answer = await this.#send(await this.#current(), serviceType, input);
      if (answer.status !== 401 || renewals === MAX_RENEWALS) return answer;

      // The token was revoked, or Keystone's keys changed: again with a new one.
      if (renewals > 0) await pause(this.#clock, REVOCATION_MS);
      this.#session = undefined;
    }
  }

  /** True when the executor acts by an application credential, which may do less than its user. */
  get isApplication(): boolean {
    return this.#account.credential.kind === 'application';
  }

  /** Whose token this is; undefined when Keystone does not accept it. */
  async validate(token: string): Promise<TokenOwner | undefined> {
    const headers = { 'x-auth-token': token, 'x-subject-token': token };
    const answer = await this.#fetch({ method: 'GET', url: `${this.#url()}/auth/tokens`, headers });
    if (answer.status === 401 || answer.status === 404) return undefined;
    if (answer.status !== 200) throw answerError(answer, 'Checking a token');
    const body = (answer.body as { token: TokenBody }).token;
    return {
      userId: body.user.id,
      userName: body.user.name,
      projectId: body.project?.id,
      roles: (body.roles ?? []).map((role) => role.name),
      expiresAt: new Date(body.expires_at),
    };
  }

  async #send(
    session: Session,
    serviceType: string,
    input: Omit<HttpRequest, 'url'> & { readonly path: string },
  ): Promise<HttpAnswer> {
    const url = `${this.#endpoint(session, serviceType)}${input.path}`;
    return this.#fetch({ ...input, url, headers: { ...input.headers, 'x-auth-token': session.token } });
  }

  #endpoint(session: Session, serviceType: string): string {
    const endpoints = session.catalog.find((entry) => entry.type === serviceType)?.endpoints ?? [];
    const wanted = endpoints.find(
      (endpoint) => endpoint.interface === this.#account.interface && endpoint.region_id === this.#account.region,
    );
    if (wanted !== undefined) return wanted.url.replace(/\/$/, '');
    throw new OpenStackError(
      `The catalog has no ${this.#account.interface} endpoint of ${serviceType} in region ${this.#account.region}.`,
      { code: status.FAILED_PRECONDITION },
    );
  }

  async #current(): Promise<Session> {
    const known = this.#session;
    if (known !== undefined) {
      const session = await known;
      if (session.expiresAtMs - RENEW_BEFORE_MS > this.#clock.now().getTime()) return session;
      if (this.#session === known) this.#session = undefined;
    }
    // Callers that arrive meanwhile wait for the same one; a failure is not kept.
    if (this.#session === undefined) {
      const opening = this.#open();
      this.#session = opening;
      opening.catch(() => {
        if (this.#session === opening) this.#session = undefined;
      });
    }
    return this.#session;
  }

  async #open(): Promise<Session> {
    const { credential } = this.#account;
    const body = { auth: authOf(credential) };
    const answer = await this.#fetch({ method: 'POST', url: `${this.#url()}/auth/tokens`, body });
    if (answer.status !== 201) throw answerError(answer, `Signing in as ${nameOf(credential)}`);
    const token = (answer.body as { token: TokenBody }).token;
    return {
      token: String(answer.headers['x-subject-token']),
      expiresAtMs: new Date(token.expires_at).getTime(),
      catalog: token.catalog ?? [],
    };
  }

  #url(): string {
    const url = this.#account.authUrl.replace(/\/$/, '');
    return url.endsWith('/v3') ? url : `${url}/v3`;
  }
}

function authOf(credential: Credential): object {
  if (credential.kind === 'application') {
    const { id, secret } = credential;
    return { identity: { methods: ['application_credential'], application_credential: { id, secret } } };
  }
  const { user, password, project } = credential;
  return { identity: { methods: ['password'], password: { user: { ...user, password } } }, scope: { project } };
}

function nameOf(credential: Credential): string {
  if (credential.kind === 'application') return `application credential ${credential.id}`;
  return 'name' in credential.user ? credential.user.name : `user ${credential.user.id}`;
}
