// Who calls: a user of one of the federation's Keystones, with a project and roles. A project is known by its Keystone
// and its id there; those that an administrator has linked are one. Names are never matched.
import { createHash } from 'node:crypto';
import type { Clock } from '@argosy/proto';
import { ApiError } from './errors.ts';

const REQUEST_TIMEOUT_MS = 5_000;
/** How long a token that was valid is taken to be valid. */
const CACHE_MS = 60_000;
const MAX_CACHED = 10_000;
const TOKEN = /^[\x21-\x7e]{1,8192}$/;

export interface Caller {
  readonly userId: string;
  readonly userName: string;
  readonly projectId: string;
  readonly projectName: string;
  readonly roles: readonly string[];
}

export interface Keystone {
  readonly name: string;
  /** Such as `http://127.1.0.4:8795/v3`. */
  readonly url: string;
}

/** Projects of several Keystones that are one. The first names the project in the API. */
export type LinkedProjects = readonly { readonly keystone: string; readonly projectId: string }[];

export interface CallersOptions {
  /** The own region's first. */
  readonly keystones: readonly Keystone[];
  /** As they are now. */
  readonly links: () => readonly LinkedProjects[];
  /** Those of regions that joined the running federation. */
  readonly joined?: () => readonly Keystone[];
  readonly clock: Clock;
  readonly fetch: typeof fetch;
}

/** A caller under the project's own id, whatever that is linked with. */
interface Known {
  readonly caller: Caller;
  readonly keystone: string;
}

type Verdict = (Known & { readonly expiresAt: number }) | 'unknown' | 'unreachable';

interface TokenBody {
  readonly token: {
    readonly expires_at: string;
    readonly user: { readonly id: string; readonly name: string };
    readonly project?: { readonly id: string; readonly name: string };
    readonly roles?: readonly { readonly name: string }[];
  };
}

export class Callers {
  readonly #options: CallersOptions;
  readonly #cache = new Map<string, Known & { readonly until: number }>();

  constructor(options: CallersOptions) {
    this.#options = options;
  }

  /**
   * Who holds this token. The own Keystone is asked first, then the others at once.
   * @throws ApiError token.missing, token.invalid, keystone.unreachable
   */
  async identify(token: string | undefined): Promise<Caller> {
    if (token === undefined || token === '') {
      throw new ApiError('token.missing', 'The request has no X-Auth-Token. Get a token from Keystone.');
    }
    // A Keystone would not be asked: such a header cannot be sent on.
    if (!TOKEN.test(token)) {
      throw new ApiError('token.invalid', 'X-Auth-Token holds characters that no token has, or too many.');
    }
    const key = createHash('sha256').update(token).digest('base64');
    const cached = this.#cache.get(key);
    const now = this.#options.clock.now().getTime();
    if (cached !== undefined && cached.until > now) return this.#asTenant(cached);

    const verdict = await this.#ask(token);
    if (verdict === 'unreachable') {
      throw new ApiError(
        'keystone.unreachable',
        'A Keystone of the federation does not answer, and no other knows this token.',
      );
    }
    if (verdict === 'unknown' || verdict.expiresAt <= now) {
      throw new ApiError(
        'token.invalid',
        'No Keystone of the federation accepts this token: it is wrong, expired or revoked.',
      );
    }
    this.#remember(key, { ...verdict, until: Math.min(verdict.expiresAt, now + CACHE_MS) });
    return this.#asTenant(verdict);
  }

  /** The caller under the id by which the API knows the tenant. */
  #asTenant({ caller, keystone }: Known): Caller {
    const link = this.#options
      .links()
      .find((group) => group.some((linked) => linked.keystone === keystone && linked.projectId === caller.projectId));
    return { ...caller, projectId: link?.[0]?.projectId ?? caller.projectId };
  }

  async #ask(token: string): Promise<Verdict> {
    const { keystones, joined = () => [] } = this.#options;
    const [own, ...others] = [...keystones, ...joined()];
    if (own === undefined) return 'unknown';
    const first = await this.#validate(own, token);
    if (typeof first !== 'string') return first;

    const verdicts = await Promise.all(others.map((keystone) => this.#validate(keystone, token)));
    const found = verdicts.find((verdict) => typeof verdict !== 'string');
    if (found !== undefined) return found;
    return [first, ...verdicts].includes('unreachable') ? 'unreachable' : 'unknown';
  }

  /** Keystone lets a token validate itself, so the gateway needs no user of its own (Identity API v3, "Validate and show token"). */
  async #validate(keystone: Keystone, token: string): Promise<Verdict> {
    const answer = await this.#show(keystone, token);
    if (answer === 'unknown' || answer === 'unreachable') return answer;
    const { user, project, roles, expires_at: expiresAt } = answer.token;
    if (project === undefined) {
      throw new ApiError('token.invalid', 'The token is not scoped to a project. Ask Keystone for one that is.');
    }
    const caller = {
      userId: user.id,
      userName: user.name,
      projectId: project.id,
      projectName: project.name,
      roles: (roles ?? []).map(({ name }) => name),
    };
    return { caller, keystone: keystone.name, expiresAt: Date.parse(expiresAt) };
  }

  async #show(keystone: Keystone, token: string): Promise<TokenBody | 'unknown' | 'unreachable'> {
    try {
      const response = await this.#options.fetch(`${keystone.url}/auth/tokens`, {
        headers: { 'x-auth-token': token, 'x-subject-token': token, accept: 'application/json' },
        signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
      });
      if (response.status >= 500) return 'unreachable';
      return response.status === 200 ? ((await response.json()) as TokenBody) : 'unknown';
    } catch {
      return 'unreachable';
    }
  }

  #remember(key: string, known: Known & { readonly until: number }): void {
    if (this.#cache.size >= MAX_CACHED) {
      const oldest = this.#cache.keys().next().value;
      if (oldest !== undefined) this.#cache.delete(oldest);
    }
    this.#cache.set(key, known);
  }
}

export function isAdmin(caller: Caller): boolean {
  return caller.roles.includes('admin');
}

/** @throws ApiError access.denied */
export function demandRole(caller: Caller, role: 'reader' | 'member' | 'admin'): void {
  const sufficient = { reader: ['reader', 'member', 'admin'], member: ['member', 'admin'], admin: ['admin'] }[role];
  if (caller.roles.some((name) => sufficient.includes(name))) return;
  throw new ApiError(
    'access.denied',
    `This needs the role ${role}; the token has ${caller.roles.join(', ') || 'none'}.`,
  );
}
