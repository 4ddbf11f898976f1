// Where a test's guests are: the engine that they run, and addresses that nobody else has.
import { createServer } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { AGENT_PORT } from '@argosy/proto';
import { enginesFile, prepareEngine } from '../engines/prepare.ts';

/** PostgreSQL's. */
export const PORT = 5432;

/** What a guest runs. */
export interface GuestEngine {
  readonly datastore: string;
  readonly version: string;
  readonly port: number;
}

export const POSTGRESQL: GuestEngine = { datastore: 'postgresql', version: '15', port: PORT };

/** The engine's folder, outside the repository and kept between runs. */
export async function engines({ datastore, version }: GuestEngine = POSTGRESQL): Promise<string> {
  const mode = process.env.ARGOSY_ENGINES;
  const name = `argosy-engines-${userInfo().uid}`;
  const directory = process.env.ARGOSY_ENGINES_CACHE ?? join(tmpdir(), mode === undefined ? name : `${name}-${mode}`);
  const request = { datastore, version, directory };
  const known = mode === 'system' || mode === 'unpacked' ? ({ ...request, mode } as const) : request;
  await prepareEngine(known, { isRoot: process.getuid?.() === 0, progress: () => {} });
  return enginesFile(directory);
}

/** Addresses that were given to guests of this file: one that has not begun to listen yet looks free. */
const given = new Set<string>();

/** A loopback address on which neither port is taken: tests run beside one another. */
export async function freeAddress(port = PORT): Promise<string> {
  for (let tries = 0; tries < 100; tries++) {
    const [third, fourth] = [0, 0].map(() => 1 + Math.floor(Math.random() * 250));
    const address = `127.200.${third}.${fourth}`;
    if (given.has(address)) continue;
    given.add(address);
    if ((await isFree(address, AGENT_PORT)) && (await isFree(address, port))) return address;
  }
  throw new Error('No free loopback address in 127.200.0.0/16.');
}

function isFree(address: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, address, () => server.close(() => resolve(true)));
  });
}
