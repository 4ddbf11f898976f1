// From a step to the command that carries it out, and from the answer to the facts that it has made true. Everything a
// command says stands in the replicated state, so a repeat by another leader says the same.
import {
  type CommandHeader,
  type CommandMemberRequest,
  type Divergence,
  MemberKind,
  type Peer,
  RejoinMethod,
  type Tail,
} from '@argosy/proto';
import { choose } from '../planning/elect.ts';
import { expectedFact } from '../planning/expected.ts';
import { mayRestart } from '../planning/parameters.ts';
import { isListed, keepersOf } from '../planning/ruled.ts';
import type { Step } from '../planning/steps.ts';
import { accountsOf } from '../state/accounts.ts';
import {
  type Cluster,
  isAsync,
  isEngineRuled,
  type Member,
  mayHaveAcknowledged,
  memberId,
  memberOf,
  peersOf,
  type Rule,
} from '../state/clusters.ts';
import type { Fact } from '../state/entries.ts';
import type { Operation } from '../state/operations.ts';
import type { CommandOptions, RegionCommands } from './region-link.ts';

const MINUTE_MS = 60_000;

/** A step that has not answered by then is tried again. A seed copies the whole of a volume. */
const TIMEOUT_MS: Readonly<Record<Step['kind'], number>> = {
  ensure_member: 10 * MINUTE_MS,
  remove_member: 10 * MINUTE_MS,
  initialise: 5 * MINUTE_MS,
  raise_epoch: MINUTE_MS,
  promise: 5 * MINUTE_MS,
  elect: MINUTE_MS,
  promote: 5 * MINUTE_MS,
  seed: 24 * 60 * MINUTE_MS,
  rejoin: 24 * 60 * MINUTE_MS,
  follow: 5 * MINUTE_MS,
  configure: 2 * MINUTE_MS,
  open: 2 * MINUTE_MS,
  change_rule: MINUTE_MS,
  rest: 5 * MINUTE_MS,
  resize: 15 * MINUTE_MS,
  set_parameters: 15 * MINUTE_MS,
  set_accounts: 5 * MINUTE_MS,
  found: 5 * MINUTE_MS,
  // What it lacks is copied to it.
  join: 24 * 60 * MINUTE_MS,
  dismiss: 2 * MINUTE_MS,
  refound: 5 * MINUTE_MS,
};

const KINDS = { voter: MemberKind.VOTER, replica: MemberKind.REPLICA, arbiter: MemberKind.ARBITER } as const;

export interface CommandContext {
  readonly cluster: Cluster;
  readonly operation: Operation;
  /** The leader's Raft term. */
  readonly term: number;
  readonly region: RegionCommands;
  readonly signal: AbortSignal;
}

/** Asked to follow, a member answers that it never can: nothing is true that was not, but this is known now. */
export interface Diverged {
  readonly divergence: string;
}

/** A member is back, and how is told; `reason` is why it was copied. */
export interface Rejoined {
  readonly rejoined: Extract<Fact, { kind: 'rejoined' }>;
  readonly reason?: string;
}

/** Carries out one step and answers what is true now. @throws grpc.ServiceError as executor.proto says. */
export async function execute(step: Step, context: CommandContext): Promise<Fact[] | Diverged | Rejoined> {
  const { cluster, region } = context;
  const { ordinal } = step;
  const options: CommandOptions = { timeoutMs: TIMEOUT_MS[step.kind], signal: context.signal };
  const header = headerOf(step, context);

  switch (step.kind) {
    case 'elect':
      return [elected(step, cluster)];
    case 'raise_epoch':
    case 'change_rule':
      // Nobody is asked: what is to be true is true as soon as it is committed.
      return [expectedFact(step, cluster)];
    case 'ensure_member':
    case 'resize': {
      const answer = await region.ensureMember({ header, member: specOf(cluster, ordinal) }, options);
      const { peer, stackId, flavor, volumeGib } = answer;
      if (peer === undefined) throw new Error('The executor answered without an address.');
      if (step.kind === 'resize') return [{ kind: 'resized', ordinal, flavor, volumeGib }];
      const { address, port, serverName } = peer;
      return [{ kind: 'placed', ordinal, address, port, serverName, stackId, flavor, volumeGib }];
    }
    case 'remove_member':
      await region.removeMember({ header }, options);
      return [{ kind: 'removed', ordinal }];
    case 'promise':
      return [await promise({ header, cluster, ordinal, region, options })];
    case 'set_parameters': {
      const command = { $case: 'setParameters', value: { header, ...parametersOf(cluster, ordinal) } } as const;
      const { answer } = await region.commandMember({ command }, options);
      const isRestartNeeded = answer?.$case === 'setParameters' && answer.value.restartNeeded;
      const { generation } = command.value;
      return isRestartNeeded ? [{ kind: 'restart_needed', ordinal, generation }] : [expectedFact(step, cluster)];
    }
    case 'set_accounts':
      await region.commandMember(
        { command: { $case: 'setAccounts', value: { header, ...accountsFor(cluster) } } },
        options,
      );
      return [expectedFact(step, cluster)];
    case 'dismiss': {
      const keeper = keeperIn(step, cluster);
      const leaver = memberOf(cluster, ordinal);
      if (leaver === undefined) return [expectedFact(step, cluster)];
      const value = {
        header: headerOf({ ...step, ordinal: keeper.ordinal }, context),
        leaver: peerOf(cluster, leaver),
      };
      await region.commandMember({ command: { $case: 'dismiss', value } }, options);
      return [expectedFact(step, cluster)];
    }
    case 'rejoin':
      return await rejoin({ header, cluster, ordinal, region, options });
    default: {
      const command = agentCommand(step.kind, header, cluster, ordinal);
      const { answer } = await region.commandMember({ command }, options);
      const found = answer?.$case === 'follow' ? answer.value.divergence : undefined;
      return found === undefined ? [expectedFact(step, cluster)] : { divergence: divergenceMessage(found) };
    }
  }
}

function divergenceMessage({ reason, tailBytes, tailTransactions }: Divergence): string {
  const count = tailTransactions === undefined ? 'uncounted' : String(tailTransactions);
  return `${reason} It holds ${tailBytes} bytes that the cluster does not, with ${count} transactions.`;
}

/** Looked at once more: of what was promised since, something may reach further. */
function elected(step: Step, cluster: Cluster): Fact {
  if (cluster.epoch === 0) return expectedFact(step, cluster);
  const choice = choose(cluster);
  if (!('winner' in choice)) throw new Error(choice.missing);
  return expectedFact({ ...step, ordinal: choice.winner.ordinal }, cluster);
}

interface AskContext {
  readonly header: CommandHeader;
  readonly cluster: Cluster;
  readonly ordinal: number;
  readonly region: RegionCommands;
  readonly options: CommandOptions;
}

/** Of a member without data. */
const NOTHING = { epoch: 0, value: '' } as const;

async function promise({ header, cluster, ordinal, region, options }: AskContext): Promise<Fact> {
  const { answer } = await region.commandMember({ command: { $case: 'promise', value: { header } } }, options);
  const found = answer?.$case === 'promise' ? answer.value.position : undefined;
  // Where the engine rules itself a member may have been taken in by half.
  const position = found ?? (answer?.$case === 'promise' && isEngineRuled(cluster) ? NOTHING : undefined);
  if (position === undefined) throw new Error('The agent answered a promise without a position.');
  return { kind: 'promised', ordinal, promise: { epoch: cluster.epoch, position } };
}

async function rejoin({ header, cluster, ordinal, region, options }: AskContext): Promise<Rejoined> {
  const member = memberOf(cluster, ordinal);
  const value = {
    ...{ header, primary: primaryOf(cluster), version: cluster.spec.datastore.version },
    mustKeepTail: member !== undefined && mayHaveAcknowledged(cluster, member),
  };
  const { answer } = await region.commandMember({ command: { $case: 'rejoin', value } }, options);
  if (answer?.$case !== 'rejoin') throw new Error('The agent answered a rejoin with something else.');
  const { method, reason, tail } = answer.value;
  const found = tail === undefined ? {} : { tail: tailOf(tail) };
  return {
    rejoined: { kind: 'rejoined', ordinal, epoch: header.epoch, method: METHODS[method] ?? 'copied', ...found },
    ...(reason === '' ? {} : { reason }),
  };
}

const METHODS: Readonly<Partial<Record<RejoinMethod, 'unchanged' | 'rewound' | 'copied'>>> = {
  [RejoinMethod.UNCHANGED]: 'unchanged',
  [RejoinMethod.REWOUND]: 'rewound',
  [RejoinMethod.COPIED]: 'copied',
};

function tailOf({ bytes, transactions, seconds, folder }: Tail) {
  const counted = transactions === undefined ? {} : { transactions };
  return { bytes, ...counted, ...(seconds === undefined ? {} : { seconds }), ...(folder === '' ? {} : { folder }) };
}

type AgentStep =
  | 'found'
  | 'join'
  | 'refound'
  | 'initialise'
  | 'promote'
  | 'configure'
  | 'seed'
  | 'follow'
  | 'rest'
  | 'open';

function agentCommand(
  kind: AgentStep,
  header: CommandHeader,
  cluster: Cluster,
  ordinal: number,
): CommandMemberRequest['command'] {
  const { version } = cluster.spec.datastore;
  switch (kind) {
    case 'found':
      return { $case: 'found', value: { header, version, admin: adminOf(cluster) } };
    case 'join':
      return { $case: 'join', value: { header, version, peers: listedPeers(cluster, ordinal) } };
    case 'initialise':
      return { $case: 'initialise', value: { header, version } };
    case 'seed':
      return { $case: 'seed', value: { header, version, primary: primaryOf(cluster) } };
    case 'follow':
      return { $case: 'follow', value: { header, primary: primaryOf(cluster) } };
    case 'rest':
    case 'refound':
    case 'open':
      return { $case: kind, value: { header } };
    case 'promote':
    case 'configure':
      return { $case: 'promote', value: { header, ...leadershipOf(cluster, ordinal) } };
  }
}

/** The member that sees to it: of those that can, one in the step's region. */
function keeperIn({ region, ordinal }: Step, cluster: Cluster): Member {
  const keeper = keepersOf(cluster, ordinal).find((member) => member.region === region);
  if (keeper === undefined) throw new Error(`No member in ${region} is up that could see to it.`);
  return keeper;
}

/** Those that the engine counts among its own. */
function listedPeers(cluster: Cluster, ordinal: number): Peer[] {
  return peersOf(cluster, ordinal)
    .filter(isListed)
    .map((member) => peerOf(cluster, member));
}

function adminOf({ admin }: Cluster) {
  const { name, verifier, generation } = admin;
  return { name, verifier, generation };
}

function parametersOf(cluster: Cluster, ordinal: number) {
  const { generation, values } = cluster.spec.parameters ?? { generation: 0, values: {} };
  const member = memberOf(cluster, ordinal);
  return { generation, values: { ...values }, mayRestart: member !== undefined && mayRestart(cluster, member) };
}

function accountsFor(cluster: Cluster) {
  const { generation, users, databases, gone } = accountsOf(cluster);
  return {
    generation,
    users: users.map(({ name, verifier, grants }) => ({
      name,
      verifier,
      grants: grants.map((grant) => ({ ...grant })),
    })),
    databases: databases.map(({ name }) => name),
    goneUsers: [...gone.users],
    goneDatabases: [...gone.databases],
  };
}

/** What a primary must know of its cluster. */
function leadershipOf(cluster: Cluster, ordinal: number) {
  const { rule } = cluster;
  if (rule === undefined) throw new Error('A primary is promoted only under a committed rule.');
  const voters = rule.voters.map((voter) => memberId(cluster.id, voter));
  return {
    rule: {
      voters,
      acknowledgements: rule.acknowledgements,
      generation: rule.generation,
      lease: leaseOf(cluster, rule),
    },
    peers: peersOf(cluster, ordinal).map((member) => peerOf(cluster, member)),
    admin: adminOf(cluster),
  };
}

function leaseOf(cluster: Cluster, { lease }: Rule) {
  if (lease === undefined) return undefined;
  const grantors = lease.grantors.flatMap((ordinal) => memberOf(cluster, ordinal) ?? []);
  return { grantors: grantors.map((member) => peerOf(cluster, member)), rpoSeconds: lease.rpoSeconds };
}

function headerOf(step: Step, { cluster, operation, term }: CommandContext): CommandHeader {
  const member = memberId(cluster.id, step.ordinal);
  return {
    clusterId: cluster.id,
    memberId: member,
    epoch: cluster.epoch,
    generation: cluster.rule?.generation ?? 0,
    specRevision: cluster.revision,
    term,
    idempotencyKey: `${operation.id}/${step.id}/${member}`,
    requestId: operation.requestId,
  };
}

/** Whether others of the cluster are, or will be, where they could share a host with it. */
function hasNeighbours({ members }: Cluster, member: Member): boolean {
  return members.some(({ ordinal, region, isRetired }) => {
    return ordinal !== member.ordinal && region === member.region && !isRetired;
  });
}

function specOf(cluster: Cluster, ordinal: number) {
  const member = memberOf(cluster, ordinal);
  if (member === undefined) throw new Error(`The cluster has no member ${ordinal}.`);
  return {
    clusterId: cluster.id,
    memberId: memberId(cluster.id, ordinal),
    kind: KINDS[member.kind],
    zone: member.zone,
    flavor: cluster.spec.flavor,
    volumeGib: cluster.spec.volume.size,
    datastore: cluster.spec.datastore.type,
    version: cluster.spec.datastore.version,
    door: isAsync(cluster),
    engineRuled: isEngineRuled(cluster),
    apart: cluster.spec.placement.survive === 'host' && hasNeighbours(cluster, member),
  };
}

function primaryOf(cluster: Cluster): Peer {
  const primary = memberOf(cluster, cluster.primary);
  if (primary === undefined) throw new Error('The cluster has no primary.');
  return peerOf(cluster, primary);
}

/** Its address may be missing while its stack is being built. */
function peerOf(cluster: Cluster, { ordinal, kind, facts }: Member): Peer {
  return {
    memberId: memberId(cluster.id, ordinal),
    kind: KINDS[kind],
    address: facts.address ?? '',
    port: facts.port ?? 0,
    serverName: facts.serverName ?? '',
  };
}
