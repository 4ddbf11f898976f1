// The words that peers speak. Types and fields are named as in etcd's raftpb, so that its literature and its test
// scenarios can be read against this code. A message is plain data: it is never changed after it was made.

/** No peer, or no term: ids and terms begin at 1. */
export const none = 0;

/** Whom MsgStorageAppend is for, and who answers it: the thread that writes the log. No peer has this id. */
export const localAppendThread = Number.MAX_SAFE_INTEGER;
/** Whom MsgStorageApply is for, and who answers it: the thread that applies entries. No peer has this id. */
export const localApplyThread = Number.MAX_SAFE_INTEGER - 1;

/** How a peer takes part at the moment. A pre-candidate asks whether an election could be won, and binds nobody (thesis §9.6). */
export type Role = 'follower' | 'pre-candidate' | 'candidate' | 'leader';

export const messageTypes = [
  'MsgHup',
  'MsgBeat',
  'MsgProp',
  'MsgApp',
  'MsgAppResp',
  'MsgVote',
  'MsgVoteResp',
  'MsgSnap',
  'MsgHeartbeat',
  'MsgHeartbeatResp',
  'MsgUnreachable',
  'MsgSnapStatus',
  'MsgCheckQuorum',
  'MsgTransferLeader',
  'MsgTimeoutNow',
  'MsgReadIndex',
  'MsgReadIndexResp',
  'MsgPreVote',
  'MsgPreVoteResp',
  'MsgStorageAppend',
  'MsgStorageAppendResp',
  'MsgStorageApply',
  'MsgStorageApplyResp',
  'MsgForgetLeader',
  'MsgHello',
] as const;

export type MessageType = (typeof messageTypes)[number];

/** The data of an EntryWrapped is the driver's: what it is about, and perhaps a command of the state machine. Not in etcd. */
export type EntryType = 'EntryNormal' | 'EntryConfChange' | 'EntryConfChangeV2' | 'EntryWrapped';

/** One entry of the log. A normal entry without data is the one a leader begins its term with (§8). */
export interface Entry {
  readonly index: number;
  readonly term: number;
  /** Absent: EntryNormal. */
  readonly type?: EntryType;
  readonly data: Uint8Array;
}

/** What must be durable before a message that depends on it leaves (figure 2, "persistent state"). */
export interface HardState {
  readonly term: number;
  readonly vote: number;
  /** A hint only: a restarted peer may apply up to here without asking. It is allowed to be old. */
  readonly commit: number;
}

/** Who takes part (§6). In a joint configuration, decisions need a majority of `voters` and one of `votersOutgoing`. */
export interface ConfState {
  readonly voters: readonly number[];
  /** The voters of before, while a change is under way; else empty. */
  readonly votersOutgoing: readonly number[];
  /** They get the log and have no vote (thesis §4.2.1). */
  readonly learners: readonly number[];
  /** Outgoing voters that become learners when the joint configuration is left. */
  readonly learnersNext: readonly number[];
  /** Whether the leader leaves the joint configuration by itself as soon as it may. */
  readonly autoLeave: boolean;
}

export interface SnapshotMetadata {
  /** The last entry that the snapshot replaces. */
  readonly index: number;
  readonly term: number;
  /** The membership as of `index`. Absent in snapshots from before it could change: then that of the start. */
  readonly confState?: ConfState;
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
  /**
   * Ties an answer to its question: of a ReadIndex as the caller named it, of a heartbeat the leader's round. In a
   * request for votes it says that the leader itself asked for the election.
   */
  readonly context: string;
  /** Only in MsgStorageAppend: the vote to write. */
  readonly vote?: number;
  /** Only in MsgStorageAppend and MsgStorageApply: what to deliver when the work is done. */
  readonly responses?: readonly Message[];
  /** Only in requests for votes, when priorities are used: the candidate's. */
  readonly priority?: number;
}

/** What a message says beyond its type and receiver. */
export type MessageContent = Partial<Omit<Message, 'type' | 'to'>>;

/** A confirmed read: who asked with `context` may read once it has applied the entry at `index`. */
export interface ReadState {
  readonly index: number;
  readonly context: string;
}

/** The context of a request for votes that a leader's MsgTimeoutNow began: nobody's lease stands against it. */
export const campaignTransfer = 'CampaignTransfer';

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

const localTypes: ReadonlySet<MessageType> = new Set([
  'MsgHup',
  'MsgBeat',
  'MsgUnreachable',
  'MsgSnapStatus',
  'MsgCheckQuorum',
  'MsgStorageAppend',
  'MsgStorageAppendResp',
  'MsgStorageApply',
  'MsgStorageApplyResp',
]);

/** Whether no honest peer sends this over a network. */
export function isLocal(type: MessageType): boolean {
  return localTypes.has(type);
}

const responseTypes: ReadonlySet<MessageType> = new Set([
  'MsgAppResp',
  'MsgVoteResp',
  'MsgHeartbeatResp',
  'MsgUnreachable',
  'MsgReadIndexResp',
  'MsgPreVoteResp',
  'MsgStorageAppendResp',
  'MsgStorageApplyResp',
]);

export function isResponse(type: MessageType): boolean {
  return responseTypes.has(type);
}

export function isLocalThread(id: number): boolean {
  return id === localAppendThread || id === localApplyThread;
}

/** The size that limits of uncommitted and travelling data count, in bytes: data only, as etcd's `payloadsSize`. */
export function payloadBytes(entries: readonly Entry[]): number {
  return entries.reduce((sum, entry) => sum + entry.data.length, 0);
}

function varintBytes(value: number): number {
  let bytes = 1;
  for (let rest = value; rest >= 128; rest /= 128) bytes += 1;
  return bytes;
}

/** The size that limits of messages count, in bytes: that of the entry in raftpb's encoding, as etcd's `entsSize`. */
export function encodedBytes(entry: Entry): number {
  const { index, term, data } = entry;
  const dataBytes = data.length === 0 ? 0 : 1 + varintBytes(data.length) + data.length;
  // Type, term and index are always written: a tag each, and one byte for the type.
  return 4 + varintBytes(term) + varintBytes(index) + dataBytes;
}
