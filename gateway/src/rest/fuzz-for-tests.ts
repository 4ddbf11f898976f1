// Requests that no honest client sends: real ones with something wrong in them, drawn from a seed, as bytes on a socket.
import { connect } from 'node:net';
import { orders } from './server-for-tests.ts';

export interface FuzzedRequest {
  readonly method: string;
  readonly path: string;
  readonly bytes: Buffer;
  /** False when the method or the path may not have come through as they stand here. */
  readonly isIntact: boolean;
}

export interface RawAnswer {
  /** Undefined when the connection ended without an answer. */
  readonly status: number | undefined;
  readonly head: string;
  readonly body: string;
}

const EXCHANGE_MS = 10_000;
const METHODS = ['GET', 'POST', 'PATCH', 'DELETE', 'PUT', 'HEAD', 'OPTIONS', 'TRACE', 'PROPFIND', 'QUERY'];
const TARGETS = [
  ...['POST /v2/clusters', 'POST /v2/clusters', 'POST /v2/clusters', 'PATCH /v2/clusters/{}', 'PATCH /v2/clusters/{}'],
  ...['DELETE /v2/clusters/{}', 'POST /v2/clusters/{}/switchover', 'POST /v2/clusters/{}/credentials'],
  'POST /v2/clusters/{}/failover',
  ...['GET /v2/clusters/{}/users', 'POST /v2/clusters/{}/users', 'GET /v2/clusters/{}/users/{}'],
  ...['DELETE /v2/clusters/{}/users/{}', 'POST /v2/clusters/{}/users/{}/grant', 'GET /v2/datastores/{}'],
  ...['POST /v2/clusters/{}/users/{}/revoke', 'POST /v2/clusters/{}/users/{}/password'],
  ...['GET /v2/clusters/{}/databases', 'POST /v2/clusters/{}/databases', 'DELETE /v2/clusters/{}/databases/{}'],
  ...['GET /v2/clusters', 'GET /v2/clusters', 'GET /v2/clusters/{}', 'GET /v2/operations', 'GET /v2/operations/{}'],
  ...['POST /v2/operations/{}/cancel', 'GET /v2/regions', 'GET /v2/regions/{}', 'GET /v2/datastores', 'GET /v2/events'],
  ...['GET /v2/quotas', 'GET /', 'GET /v2', 'GET /healthz', 'GET /readyz', 'GET /metrics', 'GET /docs', 'GET /v1'],
  ...['GET /docs/start.js', 'GET /v2/openapi.json', 'GET /favicon.ico'],
] as const;
const IDS = [
  'orders',
  'id-1',
  'id-2',
  '%00',
  '%',
  '%zz',
  '..',
  '%2e%2e%2f',
  '__proto__',
  'constructor',
  '🦦',
  'a b',
  '',
];
const TOKENS = ['demo', 'demo', 'demo', 'admin', 'viewer', 'stranger', 'nobody', 'forged', '', 'ÿþ', '__proto__'];
const QUERIES = [
  ...[
    'dry_run=true',
    'dry_run=maybe',
    'plan_hash=0',
    'limit=1',
    'limit=-1',
    'limit=1e9',
    'limit=1&limit=2',
    'marker=%00',
  ],
  ...[
    'name=orders',
    'name=%F0',
    'status=ACTIVE',
    'status=lazy',
    'after=0',
    'after=-1',
    'after=NaN',
    'consistency=stale',
  ],
  ...['consistency=', '__proto__=1', 'colour=red', '%', '&&&=', '?', 'a[b]=c', '='],
];
const HEADERS = [
  ...[
    'accept: text/event-stream;q=0',
    'accept: application/problem+json',
    'accept: */*',
    'accept: ;;;',
    'accept: image/png',
  ],
  ...[
    'idempotency-key: k1',
    'idempotency-key: k2',
    `idempotency-key: ${'k'.repeat(300)}`,
    'if-match: "1"',
    'if-match: *',
  ],
  ...[
    'last-event-id: 1',
    'last-event-id: x',
    'openstack-api-version: database 2.0',
    'openstack-api-version: database 9',
  ],
  ...['openstack-api-version: ,,,', 'x-openstack-request-id: req-fuzz', 'x-openstack-request-id: req ü', 'cookie: a=b'],
  ...['content-type: application/xml', 'content-type: ;', 'content-encoding: gzip', 'content-encoding: identity'],
  ...['transfer-encoding: chunked', 'transfer-encoding: gzip', 'expect: 100-continue', 'expect: the worst', 'host: ??'],
  ...[
    'upgrade: websocket',
    'range: bytes=0-1',
    'if-none-match: *',
    'x-http-method-override: DELETE',
    'content-length: 7',
  ],
  ...[
    `x-large: ${'x'.repeat(20_000)}`,
    'x-fold: a\r\n b',
    ': nameless',
    'no colon at all',
    'x-nul: \0',
    'te: trailers',
  ],
];
const VALUES: readonly unknown[] = [
  ...[null, true, false, 0, -1, 1.5, 1e308, 2 ** 60, '', 'x', '\0', '\ud800', '𝒳', 'a'.repeat(5_000)],
  ...[[], [[]], {}, { a: 1 }, ['north'], [null], 'postgresql', 'region', 'north', 3, '3', '__proto__'],
];
const BODIES: readonly unknown[] = [
  orders,
  {
    cluster: {
      ...orders.cluster,
      topology: { voters: 3, replicas: 1, arbiters: 0 },
      volume: { size: 1 },
      flavor: 'small',
    },
  },
  { cluster: { ...orders.cluster, placement: { survive: 'region', regions: ['north'], residency: ['EU'] } } },
  { cluster: { topology: { replicas: 1 } } },
  { to: 'south' },
  {},
];

/** Draws requests; the same numbers draw the same requests. */
export class Fuzzer {
  readonly #random: () => number;

  constructor(random: () => number) {
    this.#random = random;
  }

  next(): FuzzedRequest {
    const [own = '', target = ''] = this.#pick(TARGETS).split(' ');
    const method = this.#chance(0.15) ? this.#pick(METHODS) : own;
    const path = this.#path(target);
    const body = own === 'GET' && this.#chance(0.9) ? Buffer.alloc(0) : this.#body();
    const headers = [`x-auth-token: ${this.#pick(TOKENS)}`];
    for (let count = this.#below(3); count > 0; count -= 1) headers.push(this.#pick(HEADERS));
    if (body.length > 0 && !headers.some((line) => line.startsWith('content-length')))
      headers.push(`content-length: ${this.#chance(0.03) ? this.#below(2 * body.length) : body.length}`);
    const head = [`${method} ${path} HTTP/1.1`, 'host: fuzz', 'connection: close', ...headers, '', ''].join('\r\n');
    const bytes = Buffer.concat([Buffer.from(head, 'utf8'), body]);
    if (this.#chance(0.07)) return { method, path, bytes: this.#damage(bytes), isIntact: false };
    // Node's parser takes bytes beyond ASCII in a path for Latin-1.
    return { method, path, bytes, isIntact: /^[\x21-\x7e]+$/.test(path) };
  }

  #path(target: string): string {
    const id = this.#chance(0.9) ? this.#pick(IDS) : 'x'.repeat(this.#below(9_000));
    const path = target.replaceAll('{}', id) + (this.#chance(0.05) ? this.#pick(['/', '//', '/x', '#', ';']) : '');
    const queries = Array.from({ length: this.#chance(0.6) ? 0 : 1 + this.#below(2) }, () => this.#pick(QUERIES));
    return queries.length === 0 ? path : `${path}?${queries.join('&')}`;
  }

  #body(): Buffer {
    if (this.#chance(0.3)) return Buffer.alloc(0);
    if (this.#chance(0.05)) return Buffer.from(Array.from({ length: this.#below(200) }, () => this.#below(256)));
    if (this.#chance(0.01)) return Buffer.alloc(300_000, 'x');
    if (this.#chance(0.03)) {
      const depth = this.#below(100_000);
      return Buffer.from(this.#chance(0.5) ? '['.repeat(depth) : `${'['.repeat(depth)}${']'.repeat(depth)}`);
    }
    const body = structuredClone(this.#pick(BODIES));
    for (let count = this.#below(3); count > 0; count -= 1) this.#spoil(body);
    const text = JSON.stringify(body);
    if (this.#chance(0.1)) return Buffer.from(text.replace('{', '{"cluster":1,'));
    const bytes = Buffer.from(text);
    return this.#chance(0.15) ? this.#damage(bytes) : bytes;
  }

  /** Changes one field somewhere in the body. */
  #spoil(body: unknown): void {
    let place = body as Record<string, unknown>;
    for (;;) {
      const names = Object.keys(place);
      const name =
        names.length === 0 || this.#chance(0.2) ? this.#pick(['colour', 'to', 'id', '__proto__']) : this.#pick(names);
      const inner = Object.hasOwn(place, name) ? place[name] : undefined;
      if (typeof inner === 'object' && inner !== null && this.#chance(0.8)) {
        place = inner as Record<string, unknown>;
        continue;
      }
      if (this.#chance(0.2)) delete place[name];
      else
        Object.defineProperty(place, name, {
          value: structuredClone(this.#pick(VALUES)),
          enumerable: true,
          configurable: true,
          writable: true,
        });
      return;
    }
  }

  #damage(bytes: Buffer): Buffer {
    const damaged = Buffer.from(bytes);
    const at = this.#below(damaged.length);
    const kind = this.#below(3);
    if (kind === 0) return damaged.subarray(0, at);
    if (kind === 1)
      return Buffer.concat([damaged.subarray(0, at), Buffer.from([this.#below(256)]), damaged.subarray(at)]);
    for (let count = 1 + this.#below(4); count > 0 && damaged.length > 0; count -= 1)
      damaged[this.#below(damaged.length)] = this.#below(256);
    return damaged;
  }

  #pick<Element>(elements: readonly Element[]): Element {
    return elements[this.#below(elements.length)] as Element;
  }

  #below(limit: number): number {
    return Math.floor(this.#random() * limit);
  }

  #chance(share: number): boolean {
    return this.#random() < share;
  }
}

/** Sends bytes and reads what comes back, until the server ends the connection or has said all. */
export function exchange(port: number, bytes: Buffer): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    let text = '';
    const isHead = bytes.subarray(0, 5).toString() === 'HEAD ';
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes));
    socket.setTimeout(EXCHANGE_MS, () => {
      socket.destroy();
      reject(new Error(`Neither an answer nor an end: ${JSON.stringify(text.slice(0, 300))}`));
    });
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      if (isComplete(text) || (isHead && text.includes('\r\n\r\n'))) socket.destroy();
    });
    socket.on('error', () => socket.destroy());
    socket.on('close', () => resolve(parseAnswer(text)));
  });
}

function parseAnswer(text: string): RawAnswer {
  const answer = text.replace(/^HTTP\/1\.1 100 Continue\r\n\r\n/, '');
  const status = /^HTTP\/1\.1 (\d{3}) /.exec(answer)?.[1];
  const [head = '', ...rest] = answer.split('\r\n\r\n');
  // What follows is the answer to what was taken for a second request.
  const length = /^content-length: (\d+)$/im.exec(head)?.[1];
  const body = rest.join('\r\n\r\n').slice(0, length === undefined ? undefined : Number(length));
  return { status: status === undefined ? undefined : Number(status), head, body };
}

function isComplete(text: string): boolean {
  const { head, body } = parseAnswer(text);
  const length = /^content-length: (\d+)$/im.exec(head)?.[1];
  return /^content-type: text\/event-stream/im.test(head) || (length !== undefined && body.length >= Number(length));
}
