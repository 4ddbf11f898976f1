// The words that peers speak. Types and fields are named as in etcd's raftpb, so that its literature and its test
// scenarios can be read against this code. A message is plain data: it is never changed after it was made.

/** No peer, or no term: ids and terms begin at 1. */
export const none = 0;

/** How a peer takes part at the moment. A pre-candidate asks whether an election could be won, and binds nobody (thesis §9.6). */
export type Role = 'follower' | 'pre-candidate' | 'candidate' | 'leader';

export type MessageType =
  | 'MsgHup'
  | 'MsgBeat'
  | 'MsgCheckQuorum'
  | 'MsgProp'
  | 'MsgApp'
  | 'MsgAppResp'
  | 'MsgVote'
  | 'MsgVoteResp'
  | 'MsgPreVote'
  | 'MsgPreVoteResp'
  | 'MsgSnap'
  | 'MsgHeartbeat'
  | 'MsgHeartbeatResp'
  | 'MsgReadIndex'
  | 'MsgReadIndexResp';

/** One entry of the log. An entry without data is the one a leader begins its term with (§8). */
export interface Entry {
  readonly index: number;
  readonly term: number;
  readonly data: Uint8Array;
}

/** What must be durable before a message that depends on it leaves (figure 2, "persistent state"). */
export interface HardState {
  readonly term: number;
  readonly vote: number;
  /** A hint only: a restarted peer may apply up to here without asking. It is allowed to be old. */
  readonly commit: number;
}

export interface SnapshotMetadata {
  /** The last entry that the snapshot replaces. */
  readonly index: number;
  readonly term: number;
}

export interface Snapshot {
  readonly metadata: SnapshotMetadata;
  readonly data: Uint8Array;
}

export interface Message {
  readonly type: MessageType;
  readonly to: number;
  readonly from: number;
  /** 0 in what has no term: local messages, and what is forwarded to whoever leads. */
  readonly term: number;
  /** MsgApp: term of the entry at `index`. MsgVote: term of the last entry. Rejected MsgAppResp: term at `rejectHint`. */
  readonly logTerm: number;
  readonly index: number;
  readonly entries: readonly Entry[];
  readonly commit: number;
  readonly snapshot?: Snapshot;
  readonly reject: boolean;
  readonly rejectHint: number;
  /** Ties an answer to its question: of a ReadIndex as the caller named it, of a heartbeat the leader's round. */
  readonly context: string;
}

/** What a message says beyond its type and receiver. */
export type MessageContent = Partial<Omit<Message, 'type' | 'to'>>;

/** A confirmed read: who asked with `context` may read once it has applied the entry at `index`. */
export interface ReadState {
  readonly index: number;
  readonly context: string;
}

export function makeMessage(type: MessageType, to: number, content: MessageContent = {}): Message {
  return {
    type,
    to,
    from: none,
    term: 0,
    logTerm: 0,
    index: 0,
    entries: [],
    commit: 0,
    reject: false,
    rejectHint: 0,
    context: '',
    ...content,
  };
}

/** These say what is on this peer's disk, so they wait until it is (etcd's `msgsAfterAppend`). */
export function dependsOnDisk(type: MessageType): boolean {
  return type === 'MsgAppResp' || type === 'MsgVoteResp' || type === 'MsgPreVoteResp';
}

/** The size that limits count, in bytes: data only, as etcd's `payloadSize`. */
export function payloadBytes(entries: readonly Entry[]): number {
  return entries.reduce((sum, entry) => sum + entry.data.length, 0);
}
