// What makes disasters of processes that no agent can end: whoever started them does, when the gateway was told where it
// listens. On one machine that is the supervisor of `npm start`.
import { request } from 'node:http';
import { networkControl } from '../network/client.ts';

const ANSWER_MS = 10_000;

/** What a disaster is made of beside members. */
export interface Outage {
  readonly id: string;
  readonly regions: readonly string[];
  /** Kinds of processes of these regions. */
  readonly kinds: readonly ('gateway' | 'executor' | 'cloud')[];
  readonly forMs: number;
}

export interface Disasters {
  /** Cuts a region off from all others, and from clients outside; it heals by itself. A repeat only lengthens it. */
  cut(id: string, region: string, forMs: number): Promise<void>;
  /** Begins it, unless it has begun. It ends by itself. Who asks may be killed by it. */
  begin(outage: Outage): Promise<void>;
  /** Ends it before its time. */
  end(id: string): Promise<void>;
}

/** Those of a supervisor that listens at a Unix socket, and at another for what concerns the network, if it has one. */
export function disastersAt(socketPath: string, networkPath: string | undefined): Disasters {
  const network = networkPath === undefined ? undefined : networkControl(networkPath);
  return {
    cut: async (id, region, forMs) => {
      const expiresInSeconds = Math.max(1, forMs / 1_000);
      await network?.put(`drill-${id}`, { isolate: [{ region, from: 'everything' }], expiresInSeconds });
    },
    begin: async ({ id, regions, kinds, forMs }) => {
      const body = { regions, kinds, for_ms: forMs };
      await call(socketPath, 'PUT', `/v1/disasters/${encodeURIComponent(id)}`, body);
    },
    end: async (id) => {
      await network?.heal(`drill-${id}`);
      await call(socketPath, 'DELETE', `/v1/disasters/${encodeURIComponent(id)}`);
    },
  };
}

/** @throws Error when it is not answered, or refused */
function call(socketPath: string, method: string, path: string, body?: object): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const text = body === undefined ? '' : JSON.stringify(body);
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) };
    const sent = request({ socketPath, method, path, headers, timeout: ANSWER_MS }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('error', reject);
      answer.on('end', () => {
        const told = Buffer.concat(chunks).toString('utf8');
        if (answer.statusCode === 200) resolve(told === '' ? {} : JSON.parse(told));
        else reject(new Error(`The supervisor refused ${method} ${path}: ${told}`));
      });
    });
    sent.on('timeout', () => sent.destroy(new Error('The supervisor does not answer.')));
    sent.on('error', reject);
    sent.end(text);
  });
}
