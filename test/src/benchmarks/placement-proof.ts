// Placement against its two oracles, in full: every assignment tried on 10,000 instances of up to 18 sites, and integer
// programs on 1,000 of up to 60.
import { loadSolver } from '../placement/integer-program.ts';
import { type Proof, proveByBruteForce, proveByIntegerPrograms } from '../placement/proofs.ts';
import type { BenchmarkResult } from './result.ts';

const TRIED_OUT = { from: 1, count: 10_000 };
const SOLVED = { from: 1, count: 1_000 };

export async function run(): Promise<BenchmarkResult> {
  const solver = await loadSolver();
  const proofs: readonly (readonly [string, Proof])[] = [
    ['every assignment tried', proveByBruteForce(TRIED_OUT)],
    ['integer programs (HiGHS)', proveByIntegerPrograms(SOLVED, solver)],
  ];
  return {
    name: 'placement-proof',
    rows: proofs.map(([oracle, { instances, feasible, differences }]) => ({
      oracle,
      instances,
      feasible,
      equal: instances - differences.length,
    })),
    failures: proofs.flatMap(([oracle, { differences }]) => differences.map((text) => `${oracle}: ${text}`)),
  };
}
