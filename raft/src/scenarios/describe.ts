// The text forms of etcd's scenarios, one for one (DescribeReady, DescribeMessage and those that they use).
import { asV2, type ConfChangeSingle, type ConfChangeType, decodeConfChange } from '../core/conf-change.ts';
import type { Configuration } from '../core/membership.ts';
import {
  type ConfState,
  type Entry,
  localAppendThread,
  localApplyThread,
  type Message,
  none,
  type Role,
  type Snapshot,
} from '../core/messages.ts';
import type { ProgressState } from '../core/progress.ts';
import type { Ready } from '../core/ready.ts';
import type { PeerProgress } from '../core/status.ts';

const roleNames: Record<Role, string> = {
  follower: 'StateFollower',
  'pre-candidate': 'StatePreCandidate',
  candidate: 'StateCandidate',
  leader: 'StateLeader',
};

const progressNames: Record<ProgressState, string> = {
  probe: 'StateProbe',
  replicate: 'StateReplicate',
  snapshot: 'StateSnapshot',
};

const changeLetters: Record<ConfChangeType, string> = {
  AddNode: 'v',
  AddLearnerNode: 'l',
  RemoveNode: 'r',
  UpdateNode: 'u',
};

export function describeRole(role: Role): string {
  return roleNames[role];
}

/** As Go quotes a string. */
function quote(data: Uint8Array): string {
  const escapes: Record<string, string> = { '"': '\\"', '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' };
  const escaped = Array.from(Buffer.from(data).toString(), (character) => {
    const known = escapes[character];
    if (known !== undefined) return known;
    return character < ' ' || character === '\x7f'
      ? `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`
      : character;
  });
  return `"${escaped.join('')}"`;
}

export function describeChanges(changes: readonly ConfChangeSingle[]): string {
  return changes.map(({ type, nodeId }) => `${changeLetters[type]}${nodeId}`).join(' ');
}

/** `v1 l2 r3 u4`: the inverse of `describeChanges`. */
export function parseChanges(text: string): ConfChangeSingle[] {
  const words = text.trim() === '' ? [] : text.trim().split(' ');
  return words.map((word) => {
    if (word.length < 2) throw new Error(`unknown token ${word}`);
    const found = Object.entries(changeLetters).find(([, letter]) => letter === word[0]);
    if (found === undefined) throw new Error(`unknown input: ${word}`);
    const id = word.slice(1);
    if (!/^\d+$/.test(id)) throw new Error(`strconv.ParseUint: parsing "${id}": invalid syntax`);
    return { type: found[0] as ConfChangeType, nodeId: Number(id) };
  });
}

export function describeEntry(entry: Entry): string {
  const change = decodeConfChange(entry);
  const content = change === undefined ? quote(entry.data) : describeChanges(asV2(change).changes);
  return `${entry.term}/${entry.index} ${entry.type ?? 'EntryNormal'}${content === '' ? '' : ` ${content}`}`;
}

function list(ids: readonly number[]): string {
  return `[${ids.join(' ')}]`;
}

function describeConfState(state: ConfState): string {
  const { voters, votersOutgoing, learners, learnersNext, autoLeave } = state;
  const next = `LearnersNext:${list(learnersNext)} AutoLeave:${autoLeave}`;
  return `Voters:${list(voters)} VotersOutgoing:${list(votersOutgoing)} Learners:${list(learners)} ${next}`;
}

function describeSnapshot({ metadata }: Snapshot): string {
  const { index, term, confState } = metadata;
  return `Index:${index} Term:${term} ConfState:${confState === undefined ? '' : describeConfState(confState)}`;
}

function describeTarget(id: number): string {
  if (id === none) return 'None';
  if (id === localAppendThread) return 'AppendThread';
  return id === localApplyThread ? 'ApplyThread' : id.toString(16);
}

export function describeMessage(message: Message, indent = ''): string {
  const { from, to, type, term, logTerm, index, entries, snapshot, responses = [], vote = none } = message;
  let text = `${indent}${describeTarget(from)}->${describeTarget(to)} ${type} Term:${term} Log:${logTerm}/${index}`;
  if (message.reject) text += ` Rejected (Hint: ${message.rejectHint})`;
  if (message.commit !== 0) text += ` Commit:${message.commit}`;
  if (vote !== none) text += ` Vote:${vote}`;
  const described = entries.map(describeEntry);
  if (described.length === 1) text += ` Entries:[${described[0]}]`;
  else if (described.length > 1) {
    text += ` Entries:[${described.map((entry) => `\n${indent}  ${entry}`).join('')}\n${indent}]`;
  }
  if (snapshot !== undefined) text += `\n${indent}  Snapshot: ${describeSnapshot(snapshot)}`;
  if (responses.length > 0) {
    const inner = responses.map((response) => `\n${describeMessage(response, `${indent}  `)}`);
    text += ` Responses:[${inner.join('')}\n${indent}]`;
  }
  return text;
}

/** Ends with a line's end, unless it is empty. `messages` are those of both kinds. */
export function describeReady(ready: Ready, messages: readonly Message[]): string {
  const lines: string[] = [];
  const { softState, hardState, readStates, entries, snapshot, committedEntries } = ready;
  if (softState !== undefined) lines.push(`Lead:${softState.lead} State:${describeRole(softState.role)}`);
  if (hardState !== undefined) {
    const vote = hardState.vote === none ? '' : ` Vote:${hardState.vote}`;
    lines.push(`HardState Term:${hardState.term}${vote} Commit:${hardState.commit}`);
  }
  if (readStates.length > 0) {
    const states = readStates.map(({ index, context }) => `{${index} ${list([...Buffer.from(context)])}}`);
    lines.push(`ReadStates [${states.join(' ')}]`);
  }
  if (entries.length > 0) lines.push('Entries:', ...entries.map(describeEntry));
  if (snapshot !== undefined) lines.push(`Snapshot ${describeSnapshot(snapshot)}`);
  if (committedEntries.length > 0) lines.push('CommittedEntries:', ...committedEntries.map(describeEntry));
  if (messages.length > 0) lines.push('Messages:', ...messages.map((message) => describeMessage(message)));
  if (lines.length === 0) return '<empty Ready>';
  return [`Ready MustSync=${ready.mustSync}:`, ...lines, ''].join('\n');
}

function set(ids: ReadonlySet<number>): string {
  return `(${[...ids].sort((a, b) => a - b).join(' ')})`;
}

export function describeConfiguration(configuration: Configuration): string {
  const { incoming, outgoing, learners, learnersNext, autoLeave } = configuration;
  let text = `voters=${set(incoming)}`;
  if (outgoing.size > 0) text += `&&${set(outgoing)}`;
  if (learners.size > 0) text += ` learners=${set(learners)}`;
  if (learnersNext.size > 0) text += ` learners_next=${set(learnersNext)}`;
  return autoLeave ? `${text} autoleave` : text;
}

/** One line for each peer. */
export function describeProgress(all: Iterable<readonly [number, PeerProgress]>): string {
  const lines = Array.from(all, ([id, progress]) => {
    let text = `${id}: ${progressNames[progress.state]} match=${progress.match} next=${progress.next}`;
    if (progress.isLearner) text += ' learner';
    if (progress.isPaused) text += ' paused';
    if (progress.pendingSnapshot > 0) text += ` pendingSnap=${progress.pendingSnapshot}`;
    if (!progress.isRecentlyActive) text += ' inactive';
    if (progress.inflightCount > 0) text += ` inflight=${progress.inflightCount}`;
    return progress.inflightCount > 0 && progress.isInflightFull ? `${text}[full]` : text;
  });
  return lines.map((line) => `${line}\n`).join('');
}
