// How a drill or a test makes faults in the network of a local federation: it asks the supervisor (`npm start --
// --netns`), which alone may touch the network, over a Unix socket. A set of faults has a name and is put as a whole, so
// that a repeat does no harm; it ends by itself when whoever put it is gone and does not put it again in time.
import { request } from 'node:http';
import type { Isolation, LinkFault, NetworkPlaces } from './faults.ts';

const LIMIT_MS = 10_000;

export interface FaultSet {
  readonly faults?: readonly LinkFault[];
  readonly isolate?: readonly Isolation[];
  /** It heals after so long, unless it is put again. Absent: it stays until it is taken away. */
  readonly expiresInSeconds?: number;
}

/** What a drill needs of the network; a simulated one is its sibling. */
export interface NetworkControl {
  places(): Promise<NetworkPlaces>;
  /** In force when it answers. A set of the same name is replaced. @throws NetworkControlError */
  put(name: string, set: FaultSet): Promise<void>;
  /** Healed when it answers, whether there was such a set or not. @throws NetworkControlError */
  heal(name: string): Promise<void>;
}

/** The supervisor refused, or does not answer. */
export class NetworkControlError extends Error {
  override readonly name = 'NetworkControlError';
}

/** `socket`: `network.control` of federation.json, or `networkControl` of a gateway peer's configuration. */
export function networkControl(socket: string): NetworkControl {
  const ask = (method: string, path: string, body?: unknown): Promise<unknown> => call(socket, method, path, body);
  return {
    places: async () => ((await ask('GET', '/v1/network')) as { readonly places: NetworkPlaces }).places,
    put: async (name, { faults = [], isolate = [], expiresInSeconds }) => {
      const told = faults.map((fault) => ({
        ...{ from: fault.from, to: fault.to, effect: fault.effect },
        ...(fault.effect === 'slow' ? { delay_ms: fault.delayMs } : {}),
      }));
      const isolated = isolate.map(({ region, from, direction, delayMs }) => ({
        ...{ region, from, direction },
        delay_ms: delayMs,
      }));
      const set = { faults: told, isolate: isolated, expires_in_seconds: expiresInSeconds };
      await ask('PUT', `/v1/faults/${encodeURIComponent(name)}`, set);
    },
    heal: async (name) => {
      await ask('DELETE', `/v1/faults/${encodeURIComponent(name)}`);
    },
  };
}

function call(socketPath: string, method: string, path: string, body: unknown): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const fail = (cause: Error): void =>
      reject(new NetworkControlError(`The supervisor of the network does not answer: ${cause.message}`, { cause }));
    // A connection of its own: one that is kept may be closed by the other side just when it is used again.
    const asked = request({ socketPath, method, path, timeout: LIMIT_MS, agent: false }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('error', fail);
      answer.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8');
        if (answer.statusCode === 200) resolve(JSON.parse(text));
        else reject(new NetworkControlError(messageOf(text)));
      });
    });
    asked.on('timeout', () => asked.destroy(new Error('It took too long.')));
    asked.on('error', fail);
    asked.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

function messageOf(text: string): string {
  try {
    return (JSON.parse(text) as { error: { message: string } }).error.message;
  } catch {
    return 'The supervisor of the network refused.';
  }
}
