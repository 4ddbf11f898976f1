// Speaks to the gateway as a logged-in user. Losing a region locks nobody out: when a Keystone or a gateway peer cannot
// be reached, the next one that is known is tried.
import { randomUUID } from 'node:crypto';
import type { z } from 'zod';
import type { LocalFederation } from './argosy-home.ts';
import type { CloudAccess } from './cloud-config.ts';
import { ApiError, CommandError, UnreachableError } from './errors.ts';
import type { Http, HttpAnswer } from './http.ts';
import { endpointOf, type Login, logIn } from './keystone.ts';

const SERVICE_TYPE = 'database';
const UNAVAILABLE = 503;
/** The title of the refusal of a change that may yet have been made. */
const FATE_UNKNOWN = 'leader.lost';
/** How often a request is sent while the gateway says that it cannot serve just now. */
const UNAVAILABLE_TRIES = 10;
const UNAVAILABLE_PAUSE_MS = 500;

export interface GatewayClientOptions {
  readonly http: Http;
  readonly access: CloudAccess;
  /** The gateway's address when it shall not be looked up in the catalog (ARGOSY_URL). */
  readonly url?: string | undefined;
  /** Where else to knock, when the cloud is a local federation's. */
  readonly federation?: LocalFederation | undefined;
  readonly pause?: (delayMs: number) => Promise<void>;
}

/** The gateway's REST interface for one user. */
export class GatewayClient {
  readonly #options: GatewayClientOptions;
  #login: Login | undefined;
  #endpoints: readonly string[] | undefined;

  constructor(options: GatewayClientOptions) {
    this.#options = options;
  }

  /** @throws ApiError, UnreachableError, CommandError */
  async get<Schema extends z.ZodType>(path: string, schema: Schema): Promise<z.infer<Schema>> {
    return this.#read(await this.#send('GET', path), schema);
  }

  /** @throws ApiError, UnreachableError, CommandError */
  async post<Schema extends z.ZodType>(path: string, body: unknown, schema: Schema): Promise<z.infer<Schema>> {
    return this.#read(await this.#send('POST', path, body), schema);
  }

  /** @throws ApiError, UnreachableError, CommandError */
  async request<Schema extends z.ZodType>(
    method: 'POST' | 'PATCH' | 'DELETE',
    path: string,
    body: unknown,
    schema: Schema,
  ): Promise<z.infer<Schema>> {
    return this.#read(await this.#send(method, path, body), schema);
  }

  /** @throws ApiError, UnreachableError, CommandError */
  async delete<Schema extends z.ZodType>(path: string, schema: Schema): Promise<z.infer<Schema>> {
    return this.#read(await this.#send('DELETE', path), schema);
  }

  /** The addresses at which the gateway may be met, the nearest first. */
  async endpoints(): Promise<readonly string[]> {
    await this.#authenticate();
    return this.#endpoints ?? [];
  }

  /** Logs in anew at the next request: the Keystone that let us in may be gone, and its token with it. */
  forgetLogin(): void {
    this.#login = undefined;
  }

  #read<Schema extends z.ZodType>(answer: HttpAnswer, schema: Schema): z.infer<Schema> {
    const parsed = schema.safeParse(answer.body ?? {});
    if (!parsed.success) {
      throw new CommandError('The gateway answered what this version of the command line does not understand.', {
        cause: parsed.error,
      });
    }
    return parsed.data;
  }

  async #send(method: string, path: string, body?: unknown): Promise<HttpAnswer> {
    const token = await this.#authenticate();
    const headers = {
      'x-auth-token': token,
      // A repeat of the same request, at another peer too, must not be done twice.
      ...(method !== 'GET' ? { 'idempotency-key': randomUUID() } : {}),
    };
    const pause = this.#options.pause ?? ((delayMs) => new Promise((resolve) => setTimeout(resolve, delayMs)));
    for (let attempt = 1; ; attempt += 1) {
      const answer = await this.#tryEndpoints(method, path, headers, body);
      if (answer.status < 400) return answer;
      const error = refusal(answer);
      if (attempt === UNAVAILABLE_TRIES || !mayRepeat(method, error)) throw error;
      await pause(UNAVAILABLE_PAUSE_MS);
    }
  }

  async #tryEndpoints(
    method: string,
    path: string,
    headers: Record<string, string>,
    body: unknown,
  ): Promise<HttpAnswer> {
    let last: UnreachableError | undefined;
    for (const endpoint of this.#endpoints ?? []) {
      try {
        const answer = await this.#options.http({ method, url: `${endpoint}${path}`, headers, body });
        // Who answers is asked first the next time: one that is cut off takes its time to say nothing.
        this.#endpoints = [endpoint, ...(this.#endpoints ?? []).filter((other) => other !== endpoint)];
        return answer;
      } catch (error) {
        if (!(error instanceof UnreachableError)) throw error;
        last = error;
        // What may have been done must not be asked of another peer: the user decides.
        if (error.wasSent && method !== 'GET') throw error;
      }
    }
    throw last ?? new CommandError('The catalog knows no gateway.');
  }

  async #authenticate(): Promise<string> {
    if (this.#login !== undefined) return this.#login.token;
    const { access, url, federation } = this.#options;
    const login = await this.#logInSomewhere();
    const { interface: face, regionName } = access;
    const found = url ?? endpointOf(login.catalog, { type: SERVICE_TYPE, interface: face, regionName });
    const others = url === undefined && this.#isLocal() ? (federation?.peers ?? []).map((peer) => peer.rest) : [];
    const all = [...(found === undefined ? [] : [found]), ...others].map(withoutVersion);
    if (all.length === 0) {
      throw new CommandError(`The catalog has no service of type "${SERVICE_TYPE}"; set ARGOSY_URL.`);
    }
    this.#endpoints = [...new Set(all)];
    this.#login = login;
    return login.token;
  }

  async #logInSomewhere(): Promise<Login> {
    const { http, access, federation } = this.#options;
    const others = this.#isLocal() ? (federation?.regions ?? []).map((region) => region.identity) : [];
    let last: UnreachableError | undefined;
    for (const authUrl of new Set([access.authUrl, ...others])) {
      try {
        return await logIn(http, access, authUrl);
      } catch (error) {
        if (!(error instanceof UnreachableError)) throw error;
        last ??= error;
      }
    }
    throw last;
  }

  /** The federation at hand is asked only when the cloud is one of its own. */
  #isLocal(): boolean {
    const { access, federation } = this.#options;
    return federation?.regions.some((region) => region.identity === access.authUrl) ?? false;
  }
}

/** A change whose fate the gateway does not know itself is not asked for again: the user looks what came of it. */
function mayRepeat(method: string, error: ApiError): boolean {
  return error.status === UNAVAILABLE && (method === 'GET' || error.title !== FATE_UNKNOWN);
}

/** The endpoint may be registered with its version, as many OpenStack services are. */
function withoutVersion(url: string): string {
  return url.replace(/\/+$/, '').replace(/\/v2(\.\d+)?$/, '');
}

function refusal(answer: HttpAnswer): ApiError {
  const body = answer.body as { error?: { message?: unknown; title?: unknown; request_id?: unknown } } | undefined;
  const { message, title, request_id: id } = body?.error ?? {};
  const header = answer.headers.get('x-openstack-request-id') ?? undefined;
  return new ApiError(typeof message === 'string' ? message : `The gateway answered ${answer.status}.`, {
    status: answer.status,
    title: typeof title === 'string' ? title : `http.${answer.status}`,
    requestId: typeof id === 'string' ? id : header,
  });
}
