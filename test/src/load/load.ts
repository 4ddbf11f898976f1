// How a whole federation on one machine bears many clusters of one member: twenty in a row, twenty side by side, fifty
// alive at once; what a listing costs the peer that answers it, how soon a wish is accepted, how much memory a peer has.
// A stand-alone program prints what `run` answers; processor time is counted, so that other work on the machine does not.
import { FederationUnderTest } from '../crash-matrix/local-federation.ts';
import { Tenant } from '../crash-matrix/tenant.ts';
import { readFederation } from '../crash-matrix/victims.ts';
import { type Made, make, removeAll, untilActive } from './clusters.ts';
import { cpuMs, residentMib } from './processes.ts';

const IN_A_ROW = 20;
const SIDE_BY_SIDE = 20;
const AT_ONCE = 50;
const REQUESTS = 1_000;
const REQUESTS_AT_A_TIME = 4;
const IDLE_MS = 10_000;

type Row = Readonly<Record<string, string | number>>;

export interface LoadResult {
  readonly name: 'load';
  readonly rows: readonly Row[];
  readonly failures: readonly string[];
}

export async function run(atOnce = AT_ONCE): Promise<LoadResult> {
  const federation = await FederationUnderTest.start();
  const rows: Row[] = [];
  const failures: string[] = [];
  const tenant = new Tenant(federation.home);
  const measure = async (what: string, work: () => Promise<Row>): Promise<void> => {
    const begin = performance.now();
    try {
      const found = await work();
      rows.push({ what, seconds: Math.round((performance.now() - begin) / 100) / 10, ...found });
    } catch (error) {
      failures.push(`${what}: ${String(error)}`);
    }
  };
  try {
    const demo = await tenant.cluster('demo');
    if (demo !== undefined) await removeAll(federation, tenant, [demo]);
    await measure(`${IN_A_ROW} in a row`, () => inARow(federation, tenant, IN_A_ROW));
    await measure(`${SIDE_BY_SIDE} side by side`, () => sideBySide(federation, tenant, SIDE_BY_SIDE));
    await measure(`${atOnce} alive at once`, () =>
      sideBySide(federation, tenant, atOnce, async () => {
        await measure('listing, linearizable', () => listing(federation, tenant, '/v2/clusters?limit=20'));
        await measure('listing, stale', () => listing(federation, tenant, '/v2/clusters?limit=20&consistency=stale'));
      }),
    );
    return { name: 'load', rows, failures };
  } finally {
    await federation.stop();
  }
}

async function inARow(federation: FederationUnderTest, tenant: Tenant, count: number): Promise<Row> {
  const made: Made[] = [];
  const lives: number[] = [];
  for (let number = 1; number <= count; number += 1) {
    const begin = performance.now();
    const one = await make(tenant, `row-${number}`);
    await untilActive(tenant, [one.cluster]);
    lives.push(performance.now() - begin);
    await removeAll(federation, tenant, [one.cluster]);
    made.push(one);
  }
  return { ...acceptance(made), active_after_ms_p50: median(lives) };
}

async function sideBySide(
  federation: FederationUnderTest,
  tenant: Tenant,
  count: number,
  whileAlive: () => Promise<void> = async () => undefined,
): Promise<Row> {
  const begin = performance.now();
  const names = Array.from({ length: count }, (_, index) => `side-${index + 1}`);
  const asked = await Promise.allSettled(names.map((name) => make(tenant, name)));
  const made = asked.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  const clusters = made.map(({ cluster }) => cluster);
  try {
    if (made.length < count) throw new Error(`${count - made.length} of ${count} were not accepted.`);
    await untilActive(tenant, clusters);
    const row = {
      ...acceptance(made),
      all_active_after_ms: Math.round(performance.now() - begin),
      ...memory(federation),
    };
    await whileAlive();
    return row;
  } finally {
    await removeAll(federation, tenant, clusters);
  }
}

/** What one listing costs each peer that answers, without what the peer does anyway. */
async function listing(federation: FederationUnderTest, tenant: Tenant, path: string): Promise<Row> {
  const { peers } = readFederation(federation.home);
  const costs: number[] = [];
  const waits: number[] = [];
  for (const { id, pid } of peers) {
    if (pid === null) throw new Error('A peer does not run.');
    const before = cpuMs(pid);
    await new Promise<void>((resolve) => setTimeout(resolve, IDLE_MS));
    const idlePerMs = (cpuMs(pid) - before) / IDLE_MS;
    const [begin, used] = [performance.now(), cpuMs(pid)];
    waits.push(...(await askMany(tenant, path, id - 1)));
    const elapsed = performance.now() - begin;
    costs.push((cpuMs(pid) - used - idlePerMs * elapsed) / REQUESTS);
  }
  return {
    cpu_ms_per_request: costs.map((cost) => cost.toFixed(2)).join(' / '),
    answer_ms_p50: median(waits),
  };
}

async function askMany(tenant: Tenant, path: string, peer: number): Promise<number[]> {
  const waits: number[] = [];
  const asker = async (): Promise<void> => {
    for (let number = 0; number < REQUESTS / REQUESTS_AT_A_TIME; number += 1) {
      const begin = performance.now();
      await tenant.ask('GET', path, { peer });
      waits.push(performance.now() - begin);
    }
  };
  const askers = await Promise.allSettled(Array.from({ length: REQUESTS_AT_A_TIME }, asker));
  const failed = askers.find((result) => result.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
  return waits;
}

function acceptance(made: readonly Made[]): Row {
  return { accepted_ms_p50: median(made.map(({ acceptedMs }) => acceptedMs)) };
}

function memory(federation: FederationUnderTest): Row {
  const { peers } = readFederation(federation.home);
  return { peer_mib: peers.map(({ pid }) => (pid === null ? '-' : residentMib(pid))).join(' / ') };
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((left, right) => left - right);
  return Math.round((sorted[Math.floor(sorted.length / 2)] ?? Number.NaN) * 10) / 10;
}
