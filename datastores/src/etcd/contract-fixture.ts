// etcd as the contract tries it: a tenant writes by the HTTP gateway that every server has.
import { readdir, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import type { RuledFixture, TenantClient, TenantPlace } from '../contract/fixture.ts';
import { callServer, encoded } from './gateway.ts';

const CALL_MS = 3_000;
const PREFIX = 'numbers/';
/** The next one of the same length: the end of what begins with it. */
const PREFIX_END = 'numbers0';

const FILLING = 'x'.repeat(512 * 1024);
const MAX_FILLINGS = 100;

async function callerOf({ address, port, root, user, password }: TenantPlace) {
  const place = { kind: 'tls', address, port, root } as const;
  const body = { name: user, password };
  const answer = await callServer(place, { path: 'auth/authenticate', body, timeoutMs: CALL_MS });
  const token = String(answer.token);
  return (path: string, given: object) => callServer(place, { path, body: given, token, timeoutMs: CALL_MS });
}

async function connect(place: TenantPlace): Promise<TenantClient> {
  const call = await callerOf(place);
  return {
    write: async (number) => void (await call('kv/put', { key: encoded(`${PREFIX}${number}`), value: encoded('1') })),
    numbers: async () => {
      const range = { key: encoded(PREFIX), range_end: encoded(PREFIX_END), keys_only: true };
      const { kvs = [] } = (await call('kv/range', range)) as { readonly kvs?: readonly { readonly key: string }[] };
      return kvs.map(({ key }) => Number(Buffer.from(key, 'base64').toString('utf8').slice(PREFIX.length)));
    },
    close: () => undefined,
  };
}

export const etcdFixture: RuledFixture = {
  datastore: 'etcd',
  version: '3.4',
  port: 2379,
  parameters: { good: { 'max-txn-ops': '256' }, bad: { 'auto-compaction-retention': 'for ever' } },
  isRefounded: false,
  connect,
  connectInTheOpen: async ({ address, port, user, password }) => {
    const body = JSON.stringify({ name: user, password });
    const answer = await fetch(`http://${address}:${port}/v3/auth/authenticate`, { method: 'POST', body });
    if (!answer.ok) throw new Error(`It answered ${answer.status}.`);
    throw new TypeError('The server admitted a client in the open.');
  },
  damage: async (dataFolder) => {
    await truncate(join(dataFolder, 'member', 'snap', 'db'), 5_000);
    const log = join(dataFolder, 'member', 'wal');
    for (const name of await readdir(log)) await truncate(join(log, name), 40);
  },
  fill: async (place) => {
    const call = await callerOf(place);
    for (let at = 0; at < MAX_FILLINGS; at++) {
      await call('kv/put', { key: encoded(`fillings/${at}`), value: encoded(FILLING) });
    }
  },
};
