// A Keystone and a gateway of one cluster, for the command line's tests: small, and with a state of their own.
import { writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

const PASSWORD = 'right';

export class FakeCloud {
  readonly #server: Server;
  readonly #url: string;
  #polls = 0;
  /** How the operation ends. */
  outcome: 'DONE' | 'FAILED' | 'RUNNING' | 'CANCELLED' = 'DONE';
  /** So many requests find no leader. */
  unavailable = 0;
  lastBody: unknown;

  /** An address where nobody listens any more. */
  readonly nowhere: string;

  static async open(): Promise<FakeCloud> {
    const [server, gone] = [createServer(), createServer()];
    for (const each of [server, gone]) await new Promise<void>((resolve) => each.listen(0, '127.0.0.1', resolve));
    const nowhere = urlOf(gone);
    gone.close();
    return new FakeCloud(server, nowhere);
  }

  private constructor(server: Server, nowhere: string) {
    this.#server = server;
    this.#url = urlOf(server);
    this.nowhere = nowhere;
    server.on('request', (request, response) => void this.#answer(request, response));
  }

  /** What a user's shell holds. */
  get environment(): NodeJS.ProcessEnv {
    return {
      OS_AUTH_URL: `${this.#url}/v3`,
      OS_USERNAME: 'demo',
      OS_PASSWORD: PASSWORD,
      OS_PROJECT_NAME: 'demo',
    };
  }

  /** A local federation's home whose first Keystone and first peer are gone. */
  writeHome(home: string): string {
    const identities = [`${this.nowhere}/v3`, `${this.#url}/v3`];
    const auth = { auth_url: identities[0], username: 'demo', password: PASSWORD, project_name: 'demo' };
    writeFileSync(join(home, 'clouds.yaml'), JSON.stringify({ clouds: { demo: { auth, region_name: 'north' } } }));
    const federation = {
      peers: [this.nowhere, this.#url].map((rest, index) => ({ id: index + 1, rest })),
      regions: identities.map((identity, index) => ({ name: `region-${index}`, identity })),
    };
    writeFileSync(join(home, 'federation.json'), JSON.stringify(federation));
    return home;
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString('utf8');
    const body: unknown = text === '' ? undefined : JSON.parse(text);
    const path = (request.url ?? '').split('?')[0] ?? '';
    const { status, headers, answer } =
      path === '/v3/auth/tokens' ? this.#logIn(body) : this.#serve(request, path, body);
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    response.end(JSON.stringify(answer));
  }

  #logIn(body: unknown): Answer {
    const { auth } = body as { auth: { identity: { password: { user: { password: string } } } } };
    if (auth.identity.password.user.password !== PASSWORD) {
      const message = 'The request you have made requires authentication.';
      return { status: 401, answer: { error: { code: 401, title: 'Unauthorized', message } } };
    }
    const endpoints = [{ interface: 'public', region: 'here', url: `${this.#url}/v2` }];
    const answer = { token: { catalog: [{ type: 'database', name: 'argosy', endpoints }] } };
    return { status: 201, headers: { 'x-subject-token': 'token' }, answer };
  }

  #serve(request: IncomingMessage, path: string, body: unknown): Answer {
    if (request.headers['x-auth-token'] !== 'token') return refusal(401, 'token.missing', 'There is no token.');
    if (this.unavailable > 0) {
      this.unavailable -= 1;
      return refusal(503, 'leader.unknown', 'There is no leader.');
    }
    switch (`${request.method} ${path}`) {
      case 'POST /v2/clusters': {
        this.lastBody = body;
        const credentials = { username: 'admin', password: 's3cret', database: 'admin' };
        return { status: 202, answer: { ...this.#cluster('BUILD'), ...this.#operation('RUNNING'), credentials } };
      }
      case 'GET /v2/clusters':
        return { status: 200, answer: { clusters: [this.#cluster('ACTIVE').cluster], links: [] } };
      case 'GET /v2/clusters/orders':
      case 'GET /v2/clusters/c1':
        return { status: 200, answer: this.#cluster('ACTIVE') };
      case 'GET /v2/operations/operation-1':
        this.#polls += 1;
        return { status: 200, answer: this.#operation(this.#polls === 1 ? 'RUNNING' : this.outcome) };
      case 'GET /v2/operations/operation-2':
        return { status: 200, answer: this.#failover() };
      case 'GET /v2/regions':
        return { status: 200, answer: { regions: [{ name: 'north', status: 'UP', zones: [], flavors: [] }] } };
      default:
        return refusal(404, 'cluster.not_found', `There is no cluster "${path.split('/').at(-1)}".`);
    }
  }

  #cluster(status: string) {
    const member = { role: 'primary', kind: 'voter', region: 'north', zone: 'north-a', status: 'UP', port: 5432 };
    return {
      cluster: {
        id: 'c1',
        name: 'orders',
        status,
        members: [{ ...member, id: 'c1-1', address: '127.1.0.10', lag_bytes: 0 }],
        endpoints: { read_write: 'postgresql://127.1.0.10:5432/?target_session_attrs=read-write' },
      },
    };
  }

  #operation(status: string) {
    const step = {
      id: 's',
      kind: 'ensure_member',
      member: 'c1-1',
      region: 'north',
      status,
      attempts: 1,
      started_at: '2026-01-01T00:00:00.000Z',
      finished_at: status === 'RUNNING' ? null : '2026-01-01T00:00:01.200Z',
      error: status === 'FAILED' ? 'no room' : null,
    };
    const target = { type: 'cluster', id: 'c1', name: 'orders' };
    const superseded_by = status === 'CANCELLED' ? 'operation-2' : null;
    const operation = { id: 'operation-1', kind: 'cluster.create', target, status, steps: [step], error: null };
    return { operation: { ...operation, superseded_by } };
  }

  /** What takes the place of a cancelled operation. */
  #failover() {
    const { operation } = this.#operation('DONE');
    return { operation: { ...operation, id: 'operation-2', kind: 'cluster.failover' } };
  }
}

function urlOf(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

interface Answer {
  readonly status: number;
  readonly headers?: Record<string, string>;
  readonly answer: unknown;
}

function refusal(code: number, title: string, message: string): Answer {
  return { status: code, answer: { error: { code, title, message, request_id: 'req-1' } } };
}
