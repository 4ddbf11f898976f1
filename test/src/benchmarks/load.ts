// How a whole federation on one machine bears many clusters of one member: twenty in a row, twenty side by side, a hundred
// alive at once; what a listing costs the peer that answers it, how soon a wish is accepted, how much memory a peer has.
// Processor time is counted for listings, so that other work on the machine does not count.
import { FederationUnderTest } from '../crash-matrix/local-federation.ts';
import { Tenant } from '../crash-matrix/tenant.ts';
import { readFederation } from '../crash-matrix/victims.ts';
import { type Made, make, removeAll, untilActive } from '../load/clusters.ts';
import { cpuMs, residentMib } from '../load/processes.ts';
import { type BenchmarkResult, type Cell, medianAndSpread } from './result.ts';

const IN_A_ROW = 20;
const SIDE_BY_SIDE = 20;
const AT_ONCE = 100;
const REQUESTS = 1_000;
const REQUESTS_AT_A_TIME = 4;
const IDLE_MS = 10_000;
/** So often that the limit of a project plays no part. */
const REQUESTS_PER_SECOND = 10_000;
const OK = 200;
/** What must not be exceeded. */
const MAX_ACCEPTED_MS = 15;
const MAX_LISTING_CPU_MS = 3;
const MAX_PEER_MIB = 200;

type Row = Readonly<Record<string, Cell>>;

export async function run(): Promise<BenchmarkResult> {
  const federation = await FederationUnderTest.start(['--requests-per-second', String(REQUESTS_PER_SECOND)]);
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
    await measure(`${AT_ONCE} alive at once`, () =>
      sideBySide(federation, tenant, AT_ONCE, async () => {
        await measure('list 20 of them', () => listing(federation, tenant, '/v2/clusters?limit=20'));
        await measure('list 20 of them, stale', () =>
          listing(federation, tenant, '/v2/clusters?limit=20&consistency=stale'),
        );
      }),
    );
    return { name: 'load', rows, notes: { node: process.version }, failures: [...failures, ...missed(rows)] };
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
  return { ...acceptance(made), active_ms: medianAndSpread(lives) };
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
      all_active_s: Math.round((performance.now() - begin) / 1_000),
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
    // Its first requests are the compiler's, not the listing's.
    await askMany(tenant, path, id - 1);
    const [begin, used] = [performance.now(), cpuMs(pid)];
    waits.push(...(await askMany(tenant, path, id - 1)));
    const elapsed = performance.now() - begin;
    costs.push((cpuMs(pid) - used - idlePerMs * elapsed) / REQUESTS);
  }
  return {
    cpu_ms_per_request: medianAndSpread(costs),
    answer_ms: medianAndSpread(waits),
  };
}

async function askMany(tenant: Tenant, path: string, peer: number): Promise<number[]> {
  const waits: number[] = [];
  const asker = async (): Promise<void> => {
    for (let number = 0; number < REQUESTS / REQUESTS_AT_A_TIME; number += 1) {
      const begin = performance.now();
      const { status, body } = await tenant.ask('GET', path, { peer });
      if (status !== OK) throw new Error(`GET ${path} was answered ${status}: ${JSON.stringify(body)}`);
      waits.push(performance.now() - begin);
    }
  };
  const askers = await Promise.allSettled(Array.from({ length: REQUESTS_AT_A_TIME }, asker));
  const failed = askers.find((result) => result.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
  return waits;
}

function acceptance(made: readonly Made[]): Row {
  return { accepted_ms: medianAndSpread(made.map(({ acceptedMs }) => acceptedMs)) };
}

function memory(federation: FederationUnderTest): Row {
  const { peers } = readFederation(federation.home);
  return { peer_mib: medianAndSpread(peers.map(({ pid }) => (pid === null ? Number.NaN : residentMib(pid)))) };
}

/** What exceeds what it must not. */
function missed(rows: readonly Row[]): string[] {
  const accepted = rows[0]?.accepted_ms;
  const listed = rows.find(({ what }) => what === 'list 20 of them')?.cpu_ms_per_request;
  const resident = rows.at(-1)?.peer_mib;
  const over = (what: string, found: Cell | undefined, most: number, unit: string): string[] => {
    const value = typeof found === 'object' ? found.median : Number.NaN;
    return value <= most ? [] : [`${what}: ${value} ${unit}, and ${most} is the most it may be`];
  };
  return [
    ...over('a create is accepted after', accepted, MAX_ACCEPTED_MS, 'ms'),
    ...over('a listing costs', listed, MAX_LISTING_CPU_MS, 'ms of processor time'),
    ...over('a peer holds', resident, MAX_PEER_MIB, 'MiB'),
  ];
}
