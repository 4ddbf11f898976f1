// A cluster of three from the request to ACTIVE, beside the same made by hand on the same machine by somebody who knows
// how, with a template and the fewest steps. Both take turns, so that what else the machine does falls on both.
import { spawn } from 'node:child_process';
import { chownSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chooseDatabaseUser, type DatabaseUser } from '@argosy/gateway';
import { type EngineEntry, prepareEngine } from '@argosy/images';
import { FederationUnderTest } from '../crash-matrix/local-federation.ts';
import { type ClusterView, Tenant } from '../crash-matrix/tenant.ts';
import { freePorts } from '../free-ports.ts';
import { removeAll } from '../load/clusters.ts';
import { type BenchmarkResult, medianAndSpread, quantile } from './result.ts';

const ROUNDS = 7;
const MOST_TIMES = 2;
const MEMBERS = 3;
const ACTIVE_LIMIT_MS = 120_000;

const script = fileURLToPath(new URL('../../by-hand/postgresql.sh', import.meta.url));

/** @throws Error when a cluster cannot be made in either way */
export async function run(): Promise<BenchmarkResult> {
  const byHand = await ByHand.prepare();
  const federation = await FederationUnderTest.start(['--requests-per-second', '10000']);
  try {
    const tenant = new Tenant(federation.home);
    const demo = await tenant.cluster('demo');
    if (demo !== undefined) await removeAll(federation, tenant, [demo]);
    const rounds: { argosy: number; hand: number }[] = [];
    for (let round = 0; round <= ROUNDS; round += 1) {
      const hand = await byHand.create();
      await byHand.run('destroy');
      const { cluster, seconds } = await create(tenant, `round-${round}`);
      await removeAll(federation, tenant, [cluster]);
      // The first of each fills caches.
      if (round > 0) rounds.push({ argosy: seconds, hand });
    }
    return resultOf(rounds);
  } finally {
    await federation.stop();
    await byHand.end();
  }
}

function resultOf(rounds: readonly { readonly argosy: number; readonly hand: number }[]): BenchmarkResult {
  const ratios = rounds.map(({ argosy, hand }) => argosy / hand);
  const times = medianAndSpread(ratios);
  const row = {
    what: 'three members, request to ACTIVE',
    argosy_s: medianAndSpread(rounds.map(({ argosy }) => argosy)),
    by_hand_s: medianAndSpread(rounds.map(({ hand }) => hand)),
    times,
    at_most: MOST_TIMES,
  };
  const isMissed = quantile(ratios, 0.5) > MOST_TIMES;
  const failures = isMissed ? [`A create takes ${times.median} times as long as by hand; at most ${MOST_TIMES}.`] : [];
  return { name: 'create', rows: [row], notes: { rounds: ROUNDS, node: process.version }, failures };
}

async function create(tenant: Tenant, name: string): Promise<{ cluster: ClusterView; seconds: number }> {
  const begin = performance.now();
  const topology = { voters: MEMBERS };
  const wish = { name, datastore: { type: 'postgresql' }, topology, placement: { survive: 'region' } };
  const accepted = await tenant.change('POST', '/v2/clusters', { cluster: wish });
  if (accepted === undefined) throw new Error(`${name} was not accepted.`);
  // Told by the stream of events: to ask again and again would take the processor from what is waited for.
  await tenant.untilEnded(accepted.operation.id, ACTIVE_LIMIT_MS);
  const cluster = await tenant.cluster(accepted.cluster.id);
  const seconds = (performance.now() - begin) / 1_000;
  if (cluster?.status !== 'ACTIVE') throw new Error(`${name} is ${cluster?.status}.`);
  return { cluster, seconds };
}

/** Somebody at a shell. */
class ByHand {
  readonly #folder: string;
  readonly #engine: EngineEntry;
  readonly #port: number;
  readonly #user: DatabaseUser | undefined;

  private constructor(folder: string, engine: EngineEntry, port: number, user: DatabaseUser | undefined) {
    this.#folder = folder;
    this.#engine = engine;
    this.#port = port;
    this.#user = user;
  }

  static async prepare(): Promise<ByHand> {
    const isRoot = process.getuid?.() === 0;
    const directory = join(tmpdir(), `argosy-engines-${userInfo().uid}`);
    const request = { datastore: 'postgresql', version: '15', directory };
    const engines = await prepareEngine(request, { isRoot, progress: () => undefined });
    const engine = engines.postgresql?.['15'];
    if (engine === undefined) throw new Error('There is no PostgreSQL 15.');
    const folder = mkdtempSync(join(tmpdir(), 'by-hand-'));
    const user = chooseDatabaseUser(process.getuid?.() ?? 0);
    if (user !== undefined) chownSync(folder, user.uid, user.gids[0] ?? user.uid);
    const byHand = new ByHand(folder, engine, await freePorts(MEMBERS), user);
    await byHand.run('template');
    return byHand;
  }

  /** In seconds. */
  async create(): Promise<number> {
    const begin = performance.now();
    await this.run('create');
    return (performance.now() - begin) / 1_000;
  }

  /** @throws Error with what the script complained of */
  async run(action: 'template' | 'create' | 'destroy'): Promise<void> {
    const { bin, libraryPath } = this.#engine;
    const args = [script, action, this.#folder, bin, String(this.#port)];
    const user = this.#user;
    const child = spawn('/bin/sh', args, {
      cwd: this.#folder,
      env: { ...process.env, ...(libraryPath === null ? {} : { LD_LIBRARY_PATH: libraryPath }) },
      stdio: ['ignore', 'ignore', 'pipe'],
      ...(user === undefined ? {} : { uid: user.uid, gid: user.gids[0] }),
    });
    let complaint = '';
    child.stderr.on('data', (chunk: Buffer) => {
      complaint += chunk.toString();
    });
    const code = await new Promise((resolve) => child.once('exit', resolve));
    if (code !== 0) throw new Error(`${action} by hand ended with ${code}: ${complaint}`);
  }

  async end(): Promise<void> {
    await this.run('destroy').finally(() => rmSync(this.#folder, { recursive: true, force: true }));
  }
}
