// A process of the benchmark: the client of etcd's API that drives both, etcd and the server on raft-ts.
import { performance } from 'node:perf_hooks';
import { promisify } from 'node:util';
import { credentials } from '@grpc/grpc-js';
import { KVClient } from '../../generated/etcd/kv.ts';
import { answerParent } from './child.ts';
import { closedLoop, type LoopResult, type LoopTimes } from './closed-loop.ts';
import { sampleKey, sampleRequest } from './key-values.ts';

export type ClientQuestion =
  | {
      readonly type: 'put' | 'range';
      /** `host:port`. */
      readonly address: string;
      readonly loop: LoopTimes;
      readonly valueBytes: number;
    }
  /** Resolves when these processes are connected. */
  | { readonly type: 'connect'; readonly addresses: readonly string[] }
  /** Resolves with the milliseconds until the first put is acknowledged by any of them. */
  | { readonly type: 'first-put'; readonly addresses: readonly string[]; readonly timeoutMs: number };

/** Callers share connections, as they do in etcd's own benchmark (`--conns`). */
const CONNECTIONS = 8;
const CONNECT_MS = 10_000;
const ATTEMPT_EVERY_MS = 5;

const clients = new Map<string, KVClient[]>();

function clientsOf(address: string): KVClient[] {
  const known = clients.get(address);
  if (known !== undefined) return known;
  const made = Array.from(
    { length: CONNECTIONS },
    () =>
      new KVClient(address, credentials.createInsecure(), {
        'grpc.use_local_subchannel_pool': 1,
        'grpc.initial_reconnect_backoff_ms': 100,
        'grpc.max_reconnect_backoff_ms': 200,
      }),
  );
  clients.set(address, made);
  return made;
}

function drive(question: ClientQuestion & { type: 'put' | 'range' }): Promise<LoopResult> {
  const { type, address, loop, valueBytes } = question;
  const connections = clientsOf(address).slice(0, Math.min(CONNECTIONS, loop.inFlight));
  const puts = connections.map((client) => promisify(client.put.bind(client)));
  const ranges = connections.map((client) => promisify(client.range.bind(client)));
  return closedLoop(loop, async (count) => {
    const connection = count % connections.length;
    if (type === 'put') await puts[connection]?.(sampleRequest(count, valueBytes));
    else await ranges[connection]?.({ key: sampleKey(count), serializable: false });
  });
}

function firstPut(addresses: readonly string[], timeoutMs: number): Promise<number> {
  const begin = performance.now();
  return new Promise((resolve, reject) => {
    let count = 0;
    const finish = (act: () => void) => {
      clearInterval(attempts);
      clearTimeout(timeout);
      act();
    };
    const timeout = setTimeout(() => finish(() => reject(new Error('No put was acknowledged.'))), timeoutMs);
    const attempts = setInterval(() => {
      for (const address of addresses) {
        const client = clientsOf(address)[0];
        count += 1;
        client?.put(sampleRequest(count, 16), (error) => {
          if (error === null) finish(() => resolve(performance.now() - begin));
        });
      }
    }, ATTEMPT_EVERY_MS);
  });
}

async function connect(addresses: readonly string[]): Promise<void> {
  for (const address of addresses) {
    const client = clientsOf(address)[0];
    if (client !== undefined) await promisify(client.waitForReady.bind(client))(Date.now() + CONNECT_MS);
  }
}

answerParent<ClientQuestion>(async (question) => {
  if (question.type === 'connect') return connect(question.addresses);
  if (question.type === 'first-put') return firstPut(question.addresses, question.timeoutMs);
  return drive(question);
});
