// Placement: which site each member goes to. Pure, deterministic and exact: hard rules (rules.ts) admit, the aim decides
// (fewest moves, then the soonest acknowledged writes, then cost, then balance), and equals are decided by the order
// of names, so that every peer finds the same whatever the order in which it was told of the sites.
import type { MemberKind } from '../state/spec.ts';
import { obstacleSentence } from './explain-infeasible.ts';
import { reasonsFor } from './explain-placed.ts';
import { preferredPrimary } from './latency.ts';
import { type Problem, problemOf, WORD } from './problem.ts';
import { relaxationsOf } from './relax.ts';
import {
  type CandidateSite,
  compareSites,
  countKinds,
  isSameSite,
  type Move,
  type Placed,
  type PlacedMember,
  type Placement,
  type PlacementRequest,
} from './request.ts';
import { type Found, search } from './search.ts';

export type {
  CandidateSite,
  Infeasible,
  Move,
  Network,
  Objective,
  Placed,
  PlacedMember,
  Placement,
  PlacementRequest,
  Relaxation,
} from './request.ts';

const KINDS: readonly MemberKind[] = ['voter', 'replica', 'arbiter'];

/** Where the members go and why; or why there is no placement, and what smaller wish would have one. */
export function place(request: PlacementRequest, sites: readonly CandidateSite[]): Placement {
  const problem = problemOf(request, sites);
  const found = search(problem);
  if (found === undefined) {
    return { infeasible: obstacleSentence(request, sites), relaxations: relaxationsOf(request, sites) };
  }
  return placedAs(request, problem, found);
}

function placedAs(request: PlacementRequest, problem: Problem, found: Found): Placed {
  const sites = membersOf(problem, found);
  const moves = movesBetween(request.current ?? [], sites);
  const voters = [...sites, ...request.fixed].filter(({ kind }) => kind === 'voter');
  const preferred = preferredPrimary(voters, problem.k, problem.roundTrip);
  const placed = {
    sites,
    moves,
    ...(preferred === undefined ? {} : { primary: preferred.site }),
    objective: {
      moves: countKinds(moves),
      latencyMicroseconds: preferred?.latencyMicroseconds ?? 0,
      cost: found.value[WORD.cost] ?? 0,
    },
  };
  return { ...placed, reasons: reasonsFor(request, problem, placed) };
}

function membersOf(problem: Problem, found: Found): readonly PlacedMember[] {
  const counts = problem.spelling.read(found.value.slice(WORD.names));
  return KINDS.flatMap((kind) =>
    problem.sites.flatMap(({ region, zone }, index) => {
      const { voters = 0, replicas = 0, arbiters = 0 } = counts[index] ?? {};
      const count = { voter: voters, replica: replicas, arbiter: arbiters }[kind];
      return Array.from({ length: count }, () => ({ kind, region, zone }));
    }),
  );
}

/** Members of one kind are interchangeable: those that leave take the new places in the order of names. */
function movesBetween(current: readonly PlacedMember[], next: readonly PlacedMember[]): readonly Move[] {
  return KINDS.flatMap((kind) => {
    const arriving = next.filter((member) => member.kind === kind);
    const leaving = current
      .filter((member) => member.kind === kind)
      .sort(compareSites)
      .filter((member) => {
        const stays = arriving.findIndex((other) => isSameSite(other, member));
        if (stays >= 0) arriving.splice(stays, 1);
        return stays < 0;
      });
    return leaving.flatMap(({ region, zone }, index) => {
      const to = arriving[index];
      return to === undefined ? [] : [{ kind, from: { region, zone }, to: { region: to.region, zone: to.zone } }];
    });
  });
}
