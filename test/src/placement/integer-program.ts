// Placement as integer programs, solved by HiGHS in stages (moves, then latency, then cost), each with what the stages
// before it reached as one more constraint. The numbers stay small: latencies are solved for by their rank.
import highs from 'highs';
import type { CandidateSite, Instance, PlacementRequest } from './instances.ts';

export interface Solver {
  solve(program: string, options: object): { readonly Status: string; readonly ObjectiveValue: number };
}

export async function loadSolver(): Promise<Solver> {
  return (await (highs as unknown as () => Promise<unknown>)()) as Solver;
}

export interface Optimum {
  /** Of voters, replicas and arbiters. */
  readonly moves: readonly [number, number, number];
  readonly latencyMicroseconds: number;
  readonly cost: number;
}

/** A weighted sum: `3 x1 - 2 x2`. */
type Term = readonly [number, string];
const sum = (terms: readonly Term[]): string =>
  terms
    .filter(([weight]) => weight !== 0)
    .map(([weight, name]) => `${weight < 0 ? '-' : '+'} ${Math.abs(weight)} ${name}`)
    .join(' ');

class Program {
  readonly #rows: string[] = [];
  readonly #bounds = new Map<string, number>();

  variable(name: string, most: number): string {
    this.#bounds.set(name, most);
    return name;
  }

  demand(terms: readonly Term[], relation: '<=' | '>=' | '=', bound: number): void {
    const left = sum(terms);
    this.#rows.push(`r${this.#rows.length}: ${left === '' ? '0 nothing' : left} ${relation} ${bound}`);
  }

  /** The least that the terms can be, or undefined if the program has no solution. */
  minimize(terms: readonly Term[], solver: Solver): number | undefined {
    const bounds = [...this.#bounds].map(([name, most]) => `0 <= ${name} <= ${most}`);
    const text = `Minimize\nobj: ${sum(terms) || '0 nothing'}\nSubject To\n${this.#rows.join('\n')}\nBounds\n0 <= nothing <= 0\n${bounds.join('\n')}\nGeneral\n${[...this.#bounds.keys()].join('\n')}\nEnd\n`;
    return solveText(text, solver, 'on') ?? solveText(text, solver, 'off');
  }
}

/**
 * Its presolve at times calls possible programs infeasible, or fails, so that only what it answers without is believed
 * of a program that seems to have no solution.
 */
function solveText(text: string, solver: Solver, presolve: 'on' | 'off'): number | undefined {
  try {
    const { Status, ObjectiveValue } = solver.solve(text, { presolve, mip_rel_gap: 0, mip_abs_gap: 0.01 });
    if (Status === 'Infeasible') return undefined;
    if (Status !== 'Optimal') throw new Error(`HiGHS answers "${Status}".`);
    return Math.round(ObjectiveValue);
  } catch (error) {
    if (presolve === 'on') return undefined;
    throw error;
  }
}

type Role = 'v' | 'r' | 'a';
const ROLE = { voter: 'v', replica: 'r', arbiter: 'a' } as const;

export function solveByIntegerProgram({ request, sites }: Instance, solver: Solver): Optimum | undefined {
  const program = new Program();
  const names = sites.map((_, index) => index);
  const at = (role: Role, indexes: readonly number[]): Term[] => indexes.map((index) => [1, `${role}${index}`]);
  const wanted = { v: request.voters, r: request.replicas, a: request.arbiters ?? 0 };
  for (const role of ['v', 'r', 'a'] as const) {
    for (const [index, site] of sites.entries()) program.variable(`${role}${index}`, mostAt(request, site, role));
    program.demand(at(role, names), '=', wanted[role]);
  }
  for (const [index, site] of sites.entries()) {
    program.demand([...at('v', [index]), ...at('r', [index]), ...at('a', [index])], '<=', roomAt(request, site));
  }
  demandSurvival(program, request, sites);
  demandReach(program, request, sites);

  const moves = minimizeMoves(program, request, sites, wanted, solver);
  if (moves === undefined) return undefined;
  const latencyMicroseconds = minimizeLatency(program, request, sites, solver);
  const cost = program.minimize(
    (['v', 'r', 'a'] as const).flatMap((role) => sites.map((site, index): Term => [site.cost ?? 0, `${role}${index}`])),
    solver,
  );
  if (cost === undefined) throw new Error('HiGHS found no cost for what it had found to be possible.');
  return { moves, latencyMicroseconds, cost };
}

const isSame = (left: { region: string; zone: string }, right: { region: string; zone: string }): boolean =>
  left.region === right.region && left.zone === right.zone;

function roomAt(request: PlacementRequest, site: CandidateSite): number {
  const room = site.freeMembers + (request.current ?? []).filter((member) => isSame(member, site)).length;
  if (request.survive === 'host') return room;
  return Math.min(room, request.fixed.some((member) => isSame(member, site)) ? 0 : 1);
}

function mostAt(request: PlacementRequest, site: CandidateSite, role: Role): number {
  const { regions, residency, excluded, flavor } = request;
  const isBarred =
    (regions.length > 0 && !regions.includes(site.region)) ||
    (role !== 'a' && residency.length > 0 && !residency.includes(site.jurisdiction)) ||
    excluded.some((other) => isSame(other, site)) ||
    (flavor !== undefined && (site.flavors ?? []).length > 0 && !(site.flavors ?? []).includes(flavor));
  return isBarred ? 0 : roomAt(request, site);
}

function voterTotals(request: PlacementRequest): { voters: number; votes: number; k: number } {
  const fixed = (kind: string): number => request.fixed.filter((member) => member.kind === kind).length;
  const voters = request.voters + fixed('voter');
  const k = Math.min(request.acknowledgements ?? Math.floor(voters / 2), Math.max(voters - 1, 0));
  return { voters, votes: voters + fixed('arbiter') + (request.arbiters ?? 0), k };
}

/** For each domain: what is in it is little enough for the rest to be a majority, to elect and to acknowledge. */
function demandSurvival(program: Program, request: PlacementRequest, sites: readonly CandidateSite[]): void {
  const { survive } = request;
  if (survive === 'host' || request.voters + (request.arbiters ?? 0) === 0) return;
  const { voters, votes, k } = voterTotals(request);
  const domainOf = (member: { region: string; zone: string }): string => {
    if (survive === 'zone') return `${member.region} ${member.zone}`;
    if (survive === 'region') return member.region;
    return sites.find(({ region }) => region === member.region)?.provider ?? member.region;
  };
  for (const domain of new Set([...sites, ...request.fixed].map(domainOf))) {
    const inside = sites.flatMap((site, index) => (domainOf(site) === domain ? [index] : []));
    const fixed = request.fixed.filter((member) => domainOf(member) === domain);
    const fixedVoters = fixed.filter(({ kind }) => kind === 'voter').length;
    const fixedVotes = fixed.filter(({ kind }) => kind !== 'replica').length;
    const voterTerms = inside.map((index): Term => [1, `v${index}`]);
    program.demand(voterTerms, '<=', k - fixedVoters);
    if (request.onLoss !== 'degrade') program.demand(voterTerms, '<=', voters - k - 1 - fixedVoters);
    const votesOutside = Math.floor(votes / 2) + 1;
    program.demand(
      [...voterTerms, ...inside.map((index): Term => [1, `a${index}`])],
      '<=',
      votes - votesOutside - fixedVotes,
    );
  }
}

function demandReach(program: Program, request: PlacementRequest, sites: readonly CandidateSite[]): void {
  const holdersIn = (region: string): string => {
    const name = `h${[...new Set(sites.map((site) => site.region))].sort().indexOf(region)}`;
    program.variable(name, 1);
    for (const [index, site] of sites.entries()) {
      if (site.region !== region) continue;
      program.demand(
        [
          [1, `v${index}`],
          [1, `r${index}`],
          [-roomAt(request, site), name],
        ],
        '<=',
        0,
      );
    }
    return name;
  };
  const isFixed = (region: string): boolean =>
    request.fixed.some((member) => member.region === region && member.kind !== 'arbiter');
  for (const [one, other] of request.network?.unreachable ?? []) {
    const [first, second] = [holdersIn(one), holdersIn(other)];
    program.demand(
      [
        [1, first],
        [1, second],
      ],
      '<=',
      1,
    );
    if (isFixed(one)) program.demand([[1, second]], '<=', 0);
    if (isFixed(other)) program.demand([[1, first]], '<=', 0);
  }
}

/** Of each kind in turn, the most that stay; then as many must. */
function minimizeMoves(
  program: Program,
  request: PlacementRequest,
  sites: readonly CandidateSite[],
  wanted: Readonly<Record<Role, number>>,
  solver: Solver,
): Optimum['moves'] | undefined {
  const moves: number[] = [];
  for (const [kind, role] of Object.entries(ROLE)) {
    const current = (request.current ?? []).filter((member) => member.kind === kind);
    const stays = sites.map((site, index): Term => {
      const name = program.variable(`s${role}${index}`, current.filter((member) => isSame(member, site)).length);
      program.demand(
        [
          [1, name],
          [-1, `${role}${index}`],
        ],
        '<=',
        0,
      );
      return [-1, name];
    });
    const stayed = program.minimize(stays, solver);
    if (stayed === undefined) return undefined;
    program.demand(stays, '<=', stayed);
    moves.push(Math.min(current.length, wanted[role]) + stayed);
  }
  return moves as unknown as Optimum['moves'];
}

/** Chooses a primary's region and a latency, such that enough other voters are within it. */
function minimizeLatency(
  program: Program,
  request: PlacementRequest,
  sites: readonly CandidateSite[],
  solver: Solver,
): number {
  const { k } = voterTotals(request);
  if (k === 0) return 0;
  const regions = [...new Set([...sites, ...request.fixed].map(({ region }) => region))].sort();
  const told = new Map(
    (request.network?.roundTrips ?? []).flatMap(({ between: [one, other], microseconds }) => [
      [`${one} ${other}`, microseconds] as const,
      [`${other} ${one}`, microseconds] as const,
    ]),
  );
  const roundTrip = (from: string, to: string): number => told.get(`${from} ${to}`) ?? (from === to ? 500 : 300_000);
  const latencies = [...new Set(regions.flatMap((from) => regions.map((to) => roundTrip(from, to))))].sort(
    (a, b) => a - b,
  );

  const choices: Term[] = [];
  for (const [from, region] of regions.entries()) {
    for (const latency of new Set(regions.map((to) => roundTrip(region, to)))) {
      const rank = latencies.indexOf(latency);
      const chosen = program.variable(`z${from}_${rank}`, 1);
      choices.push([rank, chosen]);
      const votersIn = (isIn: (name: string) => boolean) => ({
        terms: sites.flatMap((site, index): Term[] => (isIn(site.region) ? [[1, `v${index}`]] : [])),
        fixed: request.fixed.filter((member) => member.kind === 'voter' && isIn(member.region)).length,
      });
      const home = votersIn((name) => name === region);
      program.demand([...home.terms, [-1, chosen]], '>=', -home.fixed);
      const near = votersIn((name) => roundTrip(region, name) <= latency);
      const needed = k + Number(roundTrip(region, region) <= latency);
      program.demand([...near.terms, [-needed, chosen]], '>=', -near.fixed);
    }
  }
  program.demand(
    choices.map(([, name]): Term => [1, name]),
    '=',
    1,
  );
  const rank = program.minimize(choices, solver);
  if (rank === undefined) throw new Error('HiGHS found no latency for what it had found to be possible.');
  program.demand(choices, '<=', rank);
  return latencies[rank] ?? 0;
}
