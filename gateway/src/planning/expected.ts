// What a step makes true when all goes well: what a forecast is made of, and what the conductor reports for the steps
// whose outcome leaves nothing to be found out.
import { accountsOf } from '../state/accounts.ts';
import { type Cluster, peersOf, type Rule } from '../state/clusters.ts';
import type { Fact } from '../state/entries.ts';
import { electedRule } from './elect.ts';
import { nextRule } from './rule.ts';
import type { Step } from './steps.ts';

/** Stands for an address that is not known before its stack is made. */
const UNKNOWN = '';

export function expectedFact({ kind, ordinal }: Step, cluster: Cluster): Fact {
  const { epoch, spec } = cluster;
  const generation = cluster.rule?.generation ?? 0;
  const size = { flavor: spec.flavor, volumeGib: spec.volume.size };
  switch (kind) {
    case 'ensure_member':
      return { kind: 'placed', ordinal, address: UNKNOWN, port: 0, serverName: UNKNOWN, stackId: UNKNOWN, ...size };
    case 'remove_member':
      return { kind: 'removed', ordinal };
    case 'initialise':
      return { kind: 'initialised', ordinal };
    case 'raise_epoch':
      return { kind: 'raised', ordinal, epoch: epoch + 1 };
    case 'promise':
      return { kind: 'promised', ordinal, promise: { epoch, position: { epoch: epoch - 1, value: UNKNOWN } } };
    case 'elect':
      return { kind: 'elected', ordinal, rule: ruleOfElected(cluster, ordinal) };
    case 'promote':
    case 'configure': {
      const knownPeers = peersOf(cluster, ordinal).map((member) => member.ordinal);
      return { kind: 'promoted', ordinal, epoch, generation, knownPeers, adminGeneration: cluster.admin.generation };
    }
    case 'seed':
      return { kind: 'seeded', ordinal, epoch };
    case 'rejoin':
      return { kind: 'rejoined', ordinal, epoch, method: 'rewound' };
    case 'follow':
      return { kind: 'following', ordinal, epoch, generation };
    case 'open':
      return { kind: 'opened', ordinal, epoch, generation };
    case 'change_rule':
      return { kind: 'rule_changed', ordinal, rule: nextRule(cluster, epoch, generation + 1) };
    case 'set_parameters':
      return { kind: 'parameterized', ordinal, parameters: spec.parameters ?? { generation: 0, values: {} } };
    case 'set_accounts':
      return { kind: 'accounted', ordinal, generation: accountsOf(cluster).generation };
    case 'found':
    case 'join':
      return epoch > 1 ? { kind: 'returned', ordinal, epoch } : { kind: 'joined', ordinal };
    case 'refound':
      return { kind: 'returned', ordinal, epoch };
    case 'dismiss':
      return { kind: 'dismissed', ordinal };
    case 'rest':
      return { kind: 'rested', ordinal, epoch };
    case 'resize':
      return { kind: 'resized', ordinal, ...size };
  }
}

/** A new generation keeps the acknowledgements of the old epoch apart. */
function ruleOfElected(cluster: Cluster, winner: number): Rule {
  const rule = electedRule(cluster, winner);
  if (cluster.rule === undefined || rule === undefined) return nextRule(cluster, 1, 1);
  const { voters, acknowledgements, lease } = rule;
  const elected = { epoch: cluster.epoch, generation: cluster.rule.generation + 1, voters, acknowledgements };
  return lease === undefined ? elected : { ...elected, lease };
}
