// The tenant: asks any peer, goes on to the next when one is away, and repeats under one idempotency key. What a peer
// that was killed had answered to nobody is asked again.
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readFederation } from './victims.ts';
import { waitUntil } from './waiting.ts';

const ANSWER_LIMIT_MS = 30_000;
const REQUEST_LIMIT_MS = 20_000;
const UNAUTHORIZED = 401;
const CONFLICT = 409;
const FIRST_SERVER_ERROR = 500;

export interface MemberView {
  readonly id: string;
  readonly role: string;
  readonly kind: string;
  readonly region: string;
  readonly status: string;
  readonly address: string | null;
  readonly parameter_generation?: number;
}

export interface ClusterView {
  readonly id: string;
  readonly name: string;
  readonly status: string;
  readonly epoch: number;
  readonly datastore: { readonly type: string };
  readonly flavor: string;
  readonly parameters?: Readonly<Record<string, string>>;
  readonly parameter_generation?: number;
  readonly members: readonly MemberView[];
  readonly endpoints: { readonly read_write?: string };
  readonly operation_id: string;
}

export interface OperationView {
  readonly id: string;
  readonly status: 'RUNNING' | 'DONE' | 'FAILED' | 'CANCELLED';
  readonly error: unknown;
  readonly kind: string;
  readonly superseded_by: string | null;
  readonly steps: readonly {
    readonly kind: string;
    readonly member: string | null;
    readonly status: string;
    readonly attempts: number;
    readonly error: string | null;
  }[];
}

export interface Credentials {
  readonly username: string;
  readonly password: string;
  readonly database: string;
}

/** What a change is answered with. */
export interface Accepted {
  readonly cluster: ClusterView;
  readonly operation: OperationView;
  readonly credentials?: Credentials;
}

interface Told {
  readonly kind: string;
  readonly operation_id: string | null;
}

export interface Answer {
  readonly status: number;
  readonly body: unknown;
}

export class Tenant {
  readonly #home: string;
  #token: string | undefined;

  constructor(home: string) {
    this.#home = home;
  }

  async cluster(id: string): Promise<ClusterView | undefined> {
    const { status, body } = await this.ask('GET', `/v2/clusters/${id}`);
    return status === 404 ? undefined : (body as { cluster: ClusterView }).cluster;
  }

  async operation(id: string): Promise<OperationView> {
    const { body } = await this.ask('GET', `/v2/operations/${id}`);
    return (body as { operation: OperationView }).operation;
  }

  /** Listens to the events of one peer until the operation has ended. @throws Error when that is not in time */
  async untilEnded(operationId: string, limitMs: number): Promise<void> {
    const { peers } = readFederation(this.#home);
    const answer = await fetch(`${peers[0]?.rest}/v2/events?after=0`, {
      headers: { 'x-auth-token': await this.token(), accept: 'text/event-stream' },
      signal: AbortSignal.timeout(limitMs),
    });
    let rest = '';
    for await (const chunk of answer.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      const events = lines.filter((line) => line.startsWith('data: ')).map((line) => JSON.parse(line.slice(6)) as Told);
      if (events.some(({ kind, operation_id: of }) => kind === 'operation.ended' && of === operationId)) return;
    }
    throw new Error(`The stream of events ended before operation ${operationId}.`);
  }

  /** Asks for a change until it is accepted. Undefined: what shall be deleted is gone already. */
  async change(method: string, path: string, body?: unknown): Promise<Accepted | undefined> {
    const { status, body: answer } = await this.ask(method, path, { body, key: randomUUID() });
    if (status === 202) return answer as Accepted;
    if (method === 'DELETE' && status === 404) return undefined;
    // A repeat of what has been accepted without a key is refused in its own way, and names what it found.
    throw new Error(`${method} ${path} was answered ${status}: ${JSON.stringify(answer)}`);
  }

  /** Any answer but one that says to try again. @throws Error when none comes in time */
  async ask(
    method: string,
    path: string,
    options: { readonly body?: unknown; readonly key?: string; readonly peer?: number } = {},
  ): Promise<Answer> {
    let last = '';
    let answer: Answer | undefined;
    let turn = options.peer ?? 0;
    await waitUntil(
      `${method} ${path} is answered`,
      ANSWER_LIMIT_MS,
      async () => {
        const { peers } = readFederation(this.#home);
        const peer = peers[turn++ % peers.length];
        try {
          const given = await this.#request(peer?.rest ?? '', method, path, options);
          if (given.status === UNAUTHORIZED) this.#token = undefined;
          else if (given.status < FIRST_SERVER_ERROR && !isBusyReplay(given, method)) answer = given;
          last = `${given.status} ${JSON.stringify(given.body)}`;
        } catch (error) {
          last = String((error as Error).cause ?? error);
        }
        return answer !== undefined;
      },
      () => `The last answer was ${last}.`,
    );
    if (answer === undefined) throw new Error('unreachable');
    return answer;
  }

  /** What it asks with. */
  async token(): Promise<string> {
    this.#token ??= await logIn(this.#home);
    return this.#token;
  }

  async #request(base: string, method: string, path: string, { body, key }: { body?: unknown; key?: string }) {
    const token = await this.token();
    const answer = await fetch(`${base}${path}`, {
      method,
      headers: {
        'x-auth-token': token,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(key === undefined ? {} : { 'idempotency-key': key }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(REQUEST_LIMIT_MS),
    });
    const text = await answer.text();
    return { status: answer.status, body: text === '' ? undefined : (JSON.parse(text) as unknown) };
  }
}

/** A token of the user `demo`, from any region's Keystone. @throws Error when none lets it in */
export async function logIn(home: string): Promise<string> {
  const script = readFileSync(join(home, 'openrc'), 'utf8');
  const password = /^\s*demo\) OS_USERNAME=demo OS_PASSWORD=(\S+)/m.exec(script)?.[1] ?? '';
  const domain = { name: 'Default' };
  const auth = {
    identity: { methods: ['password'], password: { user: { name: 'demo', domain, password } } },
    scope: { project: { name: 'demo', domain } },
  };
  for (const { identity } of readFederation(home).regions) {
    const answer = await fetch(`${identity}/auth/tokens`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ auth }),
    }).catch(() => undefined);
    const token = answer?.headers.get('x-subject-token') ?? undefined;
    await answer?.arrayBuffer();
    if (token !== undefined) return token;
  }
  throw new Error('No Keystone lets the tenant in.');
}

/** An operation that has just ended may not be known as such on the peer that is asked. */
function isBusyReplay({ status, body }: Answer, method: string): boolean {
  if (status !== CONFLICT || method === 'GET') return false;
  return (body as { error?: { title?: string } }).error?.title === 'cluster.busy';
}
