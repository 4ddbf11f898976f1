// Whole clusters, driven message by message.
import type { ConfChange, ConfChangeTransition } from '../core/conf-change.ts';
import { type MessageType, makeMessage, messageTypes } from '../core/messages.ts';
import type { CoreConfig } from '../core/raft.ts';
import { proposalDropped, type Recipient, ScenarioCluster } from './cluster.ts';
import { describeMessage, describeProgress, describeRole, parseChanges } from './describe.ts';
import { type Argument, type Directive, onlyValue, parseLine, readBoolean, readWhole } from './directive.ts';
import { type Environment, UnknownDirectiveError } from './environment.ts';
import { electionTicks, heartbeatTicks, type PeerOptions, unlimited } from './peer.ts';

type Arguments = readonly Argument[];
type Handler = (options: Arguments) => string;

const logLevels = ['debug', 'info', 'warn', 'error', 'fatal', 'none'];

/** An answer to the scenario's author: its text is the output, also when nothing else is printed. */
class ScenarioError extends Error {
  override readonly name = 'ScenarioError';
}

export class InteractionEnvironment implements Environment {
  readonly #cluster = new ScenarioCluster();
  #isQuiet = false;

  readonly #handlers: Readonly<Record<string, Handler>> = {
    _breakpoint: () => '',
    'add-nodes': (options) => this.#addNodes(options),
    campaign: (options) => this.#do(options, (id) => this.#cluster.peer(id).node.campaign()),
    compact: (options) => this.#compact(options),
    'deliver-msgs': (options) => this.#deliver(options),
    'forget-leader': (options) => this.#do(options, (id) => this.#cluster.peer(id).node.forgetLeader()),
    'log-level': (options) => this.#setLogLevel(options[0]?.key ?? ''),
    'process-append-thread': (options) =>
      this.#each(options, 'processing append thread', (id) => this.#cluster.processAppend(id)),
    'process-apply-thread': (options) =>
      this.#each(options, 'processing apply thread', (id) => this.#cluster.processApply(id)),
    'process-ready': (options) => this.#each(options, 'handling Ready', (id) => this.#cluster.processReady(id)),
    propose: (options) => this.#propose(options),
    'raft-log': (options) => this.#cluster.log(firstId(options)),
    'raft-state': () => this.#raftState(),
    'report-unreachable': (options) =>
      this.#do(options, (id) => this.#cluster.peer(id).node.reportUnreachable(secondId(options))),
    'send-snapshot': (options) => this.#sendSnapshot(options),
    'set-randomized-election-timeout': (options) =>
      this.#do(options, (id) =>
        this.#cluster.peer(id).node.setRandomizedElectionTicks(readWhole(value(options, 'timeout'))),
      ),
    stabilize: (options) => this.#stabilize(options),
    status: (options) => describeProgress(this.#cluster.peer(firstId(options)).node.status().progress),
    'tick-election': (options) => this.#tick(options, electionTicks),
    'tick-heartbeat': (options) => this.#tick(options, heartbeatTicks),
    'transfer-leadership': (options) => {
      const [from, to] = [readWhole(value(options, 'from')), readWhole(value(options, 'to'))];
      this.#cluster.peer(from).node.transferLeadership(to);
      return '';
    },
  };

  run({ command, arguments: options, input }: Directive): string {
    if (command === 'propose-conf-change') return this.#print(() => this.#proposeConfChange(options, input)) || 'ok';
    // Further lines of input are further commands.
    const commands = [{ command, arguments: options }, ...input.split('\n').filter(Boolean).map(parseLine)];
    const handlers = commands.map((each) => {
      const handler = Object.hasOwn(this.#handlers, each.command) ? this.#handlers[each.command] : undefined;
      if (handler === undefined) throw new UnknownDirectiveError(each.command);
      return () => handler(each.arguments);
    });
    return handlers.map((handler) => this.#print(handler)).join('') || 'ok';
  }

  /** The lowest log level silences everything but errors. */
  #print(act: () => string): string {
    try {
      const wasQuiet = this.#isQuiet;
      const output = act();
      return wasQuiet || this.#isQuiet ? '' : output;
    } catch (error) {
      if (error instanceof ScenarioError) return error.message;
      throw error;
    }
  }

  #addNodes(options: Arguments): string {
    const parsed = readPeerOptions(options.slice(1));
    const { confState, index, content } = parsed;
    const isBootstrapped = confState.voters.length > 0 || confState.learners.length > 0 || content !== '' || index > 0;
    if (isBootstrapped && index <= 1) throw new ScenarioError('index must be specified as > 1 due to bootstrap');
    this.#cluster.addPeers(firstId(options), parsed);
    return '';
  }

  #do(options: Arguments, act: (id: number) => void): string {
    act(firstId(options));
    return '';
  }

  #each(options: Arguments, heading: string, act: (id: number) => string): string {
    const ids = peerIds(options);
    if (ids.length === 1) return ids.map(act).join('');
    return ids.map((id) => `> ${id} ${heading}\n${act(id).replace(/\n$/, '').replace(/^/gm, '  ')}\n`).join('');
  }

  #compact(options: Arguments): string {
    const id = firstId(options);
    const index = secondId(options);
    const problem = this.#cluster.peer(id).storage.compact(index);
    if (problem !== undefined) throw new ScenarioError(problem);
    this.#cluster.peer(id).node.forget(index);
    return this.#cluster.log(id);
  }

  #deliver(options: Arguments): string {
    const recipients: Recipient[] = [];
    let type: MessageType | undefined;
    for (const { key, values } of options) {
      if (values.length === 0) recipients.push({ id: readWhole(key), isDropped: false });
      else if (key === 'drop') recipients.push(...values.map((id) => ({ id: readWhole(id), isDropped: true })));
      else if (key === 'type') type = messageTypes.find((known) => known === values[0]);
      else throw new Error(`unknown option ${key}`);
      if (key === 'type' && type === undefined) throw new Error(`unknown message type ${values[0]}`);
    }
    return this.#cluster.deliver(recipients, type) ?? 'no messages\n';
  }

  #propose(options: Arguments): string {
    const answer = this.#cluster.peer(firstId(options)).node.propose([Buffer.from(options[1]?.key ?? '')]);
    if (!answer.isAccepted && answer.reason !== 'forwarded') throw new ScenarioError(proposalDropped);
    return '';
  }

  #proposeConfChange(options: Arguments, input: string): string {
    const answer = this.#cluster.peer(firstId(options)).node.proposeConfChange(readChange(options.slice(1), input));
    if (!answer.isAccepted && answer.reason !== 'forwarded') throw new ScenarioError(proposalDropped);
    return '';
  }

  #raftState(): string {
    const lines = this.#cluster.peers.map(({ id, node }) => {
      const { role, term, lead, confState } = node.status();
      const isVoter = [...confState.voters, ...confState.votersOutgoing].includes(id);
      return `${id}: ${describeRole(role)} ${isVoter ? '(Voter)' : '(Non-Voter)'} Term:${term} Lead:${lead}\n`;
    });
    return lines.join('');
  }

  #sendSnapshot(options: Arguments): string {
    const { id: from, node } = this.#cluster.peer(firstId(options));
    const content = { from, term: node.basicStatus().term, snapshot: this.#cluster.peer(from).snapshot() };
    const message = makeMessage('MsgSnap', secondId(options), content);
    this.#cluster.send(message);
    return describeMessage(message);
  }

  #setLogLevel(level: string): string {
    if (!logLevels.includes(level.toLowerCase())) {
      throw new ScenarioError(`log levels must be either of [${logLevels.join(' ').toUpperCase()}]`);
    }
    this.#isQuiet = level.toLowerCase() === 'none';
    return '';
  }

  #stabilize(options: Arguments): string {
    const ids = peerIds(options);
    const level = options.find(({ key }) => key === 'log-level');
    const wasQuiet = this.#isQuiet;
    if (level !== undefined) this.#setLogLevel(onlyValue(level));
    const isQuiet = this.#isQuiet;
    const peers = ids.length > 0 ? ids.map((id) => this.#cluster.peer(id)) : this.#cluster.peers;
    const text = this.#cluster.stabilize(peers);
    this.#isQuiet = wasQuiet;
    return isQuiet ? '' : text;
  }

  #tick(options: Arguments, ticks: number): string {
    const { node } = this.#cluster.peer(firstId(options));
    for (let tick = 0; tick < ticks; tick += 1) node.tick();
    return '';
  }
}

function firstId(options: Arguments): number {
  return readWhole(options[0]?.key ?? '');
}

function secondId(options: Arguments): number {
  return readWhole(options[1]?.key ?? '');
}

function peerIds(options: Arguments): number[] {
  return options.filter(({ values }) => values.length === 0).map(({ key }) => readWhole(key));
}

function value(options: Arguments, name: string): string {
  const option = options.find(({ key }) => key === name);
  if (option === undefined) throw new Error(`${name} is missing`);
  return onlyValue(option);
}

function readPeerOptions(options: Arguments): PeerOptions {
  let voters: number[] = [];
  let learners: number[] = [];
  let index = 0;
  let content = '';
  let settings: Partial<CoreConfig> = {};
  for (const option of options) {
    const { key, values } = option;
    if (key === 'voters') voters = values.map(readWhole);
    else if (key === 'learners') learners = values.map(readWhole);
    else if (key === 'index') index = readWhole(onlyValue(option));
    else if (key === 'content') content = onlyValue(option);
    else settings = { ...settings, ...readSetting(key, onlyValue(option), settings) };
  }
  const confState = { voters, votersOutgoing: [], learners, learnersNext: [], autoLeave: false };
  return { confState, index, content, settings: { ...settings, ...(index > 0 ? { applied: index } : {}) } };
}

function readSetting(key: string, text: string, { limits = unlimited }: Partial<CoreConfig>): Partial<CoreConfig> {
  switch (key) {
    case 'inflight':
      return { limits: { ...limits, maxInflightMessages: readWhole(text) } };
    case 'max-committed-size-per-ready':
      return { limits: { ...limits, maxAppliedBytesPerReady: readWhole(text) } };
    case 'async-storage-writes':
      return { asyncStorageWrites: readBoolean(text) };
    case 'prevote':
      return { preVote: readBoolean(text) };
    case 'checkquorum':
      return { checkQuorum: readBoolean(text) };
    case 'disable-conf-change-validation':
      return { disableConfChangeValidation: readBoolean(text) };
    case 'step-down-on-removal':
      return { stepDownOnRemoval: readBoolean(text) };
    case 'read-only':
      if (text !== 'safe' && text !== 'lease-based') throw new ScenarioError(`invalid read-only option "${text}"`);
      return { readOnly: text };
    default:
      throw new Error(`unknown option ${key}`);
  }
}

function readChange(options: Arguments, input: string): ConfChange {
  let isV1 = false;
  let transition: ConfChangeTransition = 'auto';
  for (const option of options) {
    const text = onlyValue(option);
    if (option.key === 'v1') isV1 = readBoolean(text);
    else if (option.key === 'transition') transition = readTransition(text);
    else throw new ScenarioError(`unknown command ${option.key}`);
  }
  const changes = parseChanges(input);
  if (!isV1) return { version: 2, transition, changes };
  const [change, ...more] = changes;
  if (change === undefined || more.length > 0 || transition !== 'auto') {
    throw new ScenarioError('v1 conf change can only have one operation and no transition');
  }
  return { version: 1, ...change };
}

function readTransition(text: string): ConfChangeTransition {
  if (text === 'auto') return text;
  if (text === 'implicit' || text === 'explicit') return `joint-${text}`;
  throw new ScenarioError(`unknown transition ${text}`);
}
