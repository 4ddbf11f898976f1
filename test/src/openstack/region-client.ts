// Keystone and Heat as a test speaks to them: plain requests, redirects not followed.
import { PROJECT, type Target } from './targets.ts';

const LIMIT_MS = 90_000;
const POLL_MS = 150;
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

/** The stacks of one project, asked for by its user. */
export class RegionClient {
  readonly stacks: string;
  readonly token: string;

  private constructor(stacks: string, token: string) {
    this.stacks = stacks;
    this.token = token;
  }

  static async signIn(
    target: Target,
    [name, password, project] = ['argosy', 'secret', 'service'],
  ): Promise<RegionClient> {
    const domain = { id: 'default' };
    const identity = { methods: ['password'], password: { user: { name, password, domain } } };
    const auth = { identity, scope: { project: { name: project, domain } } };
    const answer = await call(`${target.keystoneUrl}/v3/auth/tokens`, { method: 'POST', body: { auth } });
    if (answer.status !== 201) throw new Error(`Signing in was answered ${answer.status}.`);
    const id = answer.body.token.project.id as string;
    return new RegionClient(
      target.stacksOf(project === 'service' ? PROJECT : id),
      answer.headers.get('x-subject-token') ?? '',
    );
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
