// Keystone and Heat as a test speaks to them: plain requests, redirects not followed.
import type { Target } from './targets.ts';

const LIMIT_MS = 90_000;
/** Each look costs a real Heat a good part of this. */
const POLL_MS = 300;
const REQUEST_LIMIT_MS = 60_000;

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: what a test reads of JSON is checked by its assertions.
  readonly body: any;
}

export interface Call {
  readonly method?: string;
  readonly token?: string;
  readonly body?: unknown;
}

export async function call(url: string, { method = 'GET', token, body }: Call = {}): Promise<Answer> {
  const answer = await fetch(url, {
    method,
    headers: { 'content-type': 'application/json', ...(token === undefined ? {} : { 'x-auth-token': token }) },
    redirect: 'manual',
    signal: AbortSignal.timeout(REQUEST_LIMIT_MS),
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  const isJson = answer.headers.get('content-type')?.includes('json') === true && text !== '';
  return { status: answer.status, headers: answer.headers, body: isJson ? JSON.parse(text) : text };
}

interface CatalogEntry {
  readonly type: string;
  readonly endpoints: readonly { readonly interface: string; readonly url: string; readonly region_id?: string }[];
}

const LISTINGS = [
  ['compute', '/servers', 'servers'],
  ['network', '/v2.0/ports', 'ports'],
  ['network', '/v2.0/security-groups', 'security_groups'],
  ['volumev3', '/volumes', 'volumes'],
] as const;

/** The stacks of one project, asked for by its user. */
export class RegionClient {
  readonly stacks: string;
  /** Another, when this one was ended. */
  token: string;

  readonly #userId: string;
  readonly #catalog: readonly CatalogEntry[];

  private constructor(token: string, userId: string, catalog: readonly CatalogEntry[]) {
    this.stacks = `${publicUrl(catalog, 'orchestration')}/stacks`;
    this.token = token;
    this.#userId = userId;
    this.#catalog = catalog;
  }

  /** `who`: name, password and project. */
  static async signIn(
    { keystoneUrl }: Pick<Target, 'keystoneUrl'>,
    who: readonly [name: string, password: string, project: string] = ['argosy', 'secret', 'service'],
    /** One of several behind the Keystone. */
    region?: string,
  ): Promise<RegionClient> {
    const [name, password, project] = who;
    const domain = { id: 'default' };
    const identity = { methods: ['password'], password: { user: { name, password, domain } } };
    const auth = { identity, scope: { project: { name: project, domain } } };
    const answer = await call(`${keystoneUrl}/v3/auth/tokens`, { method: 'POST', body: { auth } });
    if (answer.status !== 201) throw new Error(`Signing in was answered ${answer.status}.`);
    const { user, catalog } = answer.body.token;
    const seen = (catalog as readonly CatalogEntry[]).map(({ type, endpoints }) => ({
      type,
      endpoints: endpoints.filter(({ region_id: id }) => region === undefined || id === region),
    }));
    return new RegionClient(answer.headers.get('x-subject-token') ?? '', user.id, seen);
  }

  /** Makes one of the user's, in the project. */
  async applicationCredential(name: string): Promise<{ readonly id: string; readonly secret: string }> {
    const identity = publicUrl(this.#catalog, 'identity');
    const body = { application_credential: { name } };
    const url = `${identity}/users/${this.#userId}/application_credentials`;
    const answer = await call(url, { method: 'POST', token: this.token, body });
    if (answer.status !== 201) throw new Error(`An application credential was answered ${answer.status}.`);
    return answer.body.application_credential;
  }

  /** What the project's token is shown of the cloud beneath, by kind; kinds of which there is nothing are left out. */
  async belongings(): Promise<Record<string, readonly string[]>> {
    const found: Record<string, readonly string[]> = {};
    for (const [type, path, kind] of LISTINGS) {
      const url = publicUrl(this.#catalog, type);
      // Microcloud's own Heat has no such services before it.
      if (url === undefined) continue;
      const { status, body } = await call(`${url}${path}`, { token: this.token });
      if (status !== 200) throw new Error(`${url}${path} was answered ${status}.`);
      const ids = body[kind].map(({ id }: { id: string }) => id);
      if (ids.length > 0) found[kind] = ids;
    }
    return found;
  }

  /** `path` continues `/stacks`. */
  ask(path: string, call_: Omit<Call, 'token'> = {}): Promise<Answer> {
    return call(`${this.stacks}${path}`, { ...call_, token: this.token });
  }

  create(name: string, content: object): Promise<Answer> {
    return this.ask('', { method: 'POST', body: { stack_name: name, disable_rollback: true, ...content } });
  }

  /** Makes a stack and waits until it is made, or not. Returns the rest of its path: `/name/id`. */
  async made(name: string, content: object): Promise<string> {
    const answer = await this.create(name, content);
    if (answer.status !== 201)
      throw new Error(`Creating was answered ${answer.status}: ${JSON.stringify(answer.body)}`);
    const path = `/${name}/${answer.body.stack.id}`;
    await this.settled(path);
    return path;
  }

  async shown(path: string): Promise<Answer['body']> {
    return (await this.ask(path)).body.stack;
  }

  /** The stack, once nothing is under way with it. */
  async settled(path: string): Promise<Answer['body']> {
    const end = performance.now() + LIMIT_MS;
    for (;;) {
      const stack = await this.shown(path);
      if (!stack.stack_status.endsWith('_IN_PROGRESS')) return stack;
      if (performance.now() > end) throw new Error(`${path} is ${stack.stack_status} after ${LIMIT_MS} ms.`);
      await new Promise<void>((resolve) => setTimeout(resolve, POLL_MS));
    }
  }

  /** The newest event's id. */
  async lastEvent(path: string): Promise<string> {
    return (await this.ask(`${path}/events?sort_dir=desc&limit=1`)).body.events[0].id;
  }

  /** The stack, once it has told the end of something after this event. */
  async settledSince(path: string, event: string): Promise<Answer['body']> {
    const end = performance.now() + LIMIT_MS;
    const name = path.split('/')[1];
    for (;;) {
      const { events } = (await this.ask(`${path}/events?sort_dir=asc&marker=${event}`)).body;
      const isOver = (one: { resource_name: string; resource_status: string }): boolean =>
        one.resource_name === name && !one.resource_status.endsWith('_IN_PROGRESS');
      if (events.some(isOver)) return this.settled(path);
      if (performance.now() > end) throw new Error(`Nothing came of ${path} within ${LIMIT_MS} ms.`);
      await new Promise<void>((resolve) => setTimeout(resolve, POLL_MS));
    }
  }

  /** Changes a stack and waits for it. */
  async changed(path: string, change: Omit<Call, 'token'>): Promise<Answer['body']> {
    const before = await this.lastEvent(path);
    const { status, body } = await this.ask(path, change);
    if (status !== 202) throw new Error(`Changing was answered ${status}: ${JSON.stringify(body)}`);
    return this.settledSince(path, before);
  }

  /** Lets Heat check a stack, and waits for what it finds. */
  async checked(path: string): Promise<Answer['body']> {
    const before = await this.lastEvent(path);
    const { status, body } = await this.ask(`${path}/actions`, { method: 'POST', body: { check: null } });
    if (status !== 200) throw new Error(`Checking was answered ${status}: ${JSON.stringify(body)}`);
    return this.settledSince(path, before);
  }

  /** Waits until no stack has this name. */
  async freed(name: string): Promise<void> {
    const end = performance.now() + LIMIT_MS;
    while ((await this.ask(`/${name}`)).status !== 404) {
      if (performance.now() > end) throw new Error(`The name ${name} is not free after ${LIMIT_MS} ms.`);
      await new Promise<void>((resolve) => setTimeout(resolve, POLL_MS));
    }
  }

  async removed(path: string): Promise<Answer['body']> {
    await this.ask(path, { method: 'DELETE' });
    return this.settled(path);
  }
}

function publicUrl(catalog: readonly CatalogEntry[], type: string): string | undefined {
  const endpoints = catalog.find((entry) => entry.type === type)?.endpoints ?? [];
  return endpoints.find((endpoint) => endpoint.interface === 'public')?.url;
}
