// How long a client cannot write to MariaDB when the machine of the primary is killed, and whether every acknowledged write
// is there afterwards. How it is measured, and what came out, is in docs/benchmarks.md.
import { ArgosyCluster } from './failover/argosy.ts';
import { alone, boundedRow, Closing, missedOf, writesRows } from './failover/contest.ts';
import { type BenchmarkResult, medianAndSpread, roundsOr } from './result.ts';

const ROUNDS = 10;
const PRIMARY = { ms: 4_000 } as const;

export async function run(): Promise<BenchmarkResult> {
  const closing = new Closing();
  try {
    const argosy = closing.add(await ArgosyCluster.start('mariadb'));
    const rounds = roundsOr(ROUNDS);
    const strike = argosy.struckBy(() => argosy.killPrimary());
    const killed = await alone('primary killed', rounds, strike);
    await argosy.client.end();
    const own = await argosy.client.check();
    const rows = [
      { figure: 'primary killed, ms without an acknowledged write', argosy: medianAndSpread(killed) },
      boundedRow('the same, p99, ms', killed, PRIMARY),
      { figure: 'acknowledged writes', argosy: own.acknowledged },
      ...writesRows(own),
    ];
    const notes = { rounds, node: process.version, samples: JSON.stringify({ killed }) };
    return { name: 'mariadb', rows, notes, failures: missedOf(rows) };
  } finally {
    await closing.all();
  }
}
