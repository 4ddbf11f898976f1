// raft-ts: a deterministic core, a durable log, peers over gRPC, and the driver that joins them. `Raft.open` is the
// whole of it for most callers; the core and the log are exported for simulators and other drivers.
export {
  asV2,
  type ConfChange,
  type ConfChangeSingle,
  type ConfChangeTransition,
  type ConfChangeType,
  type ConfChangeV1,
  type ConfChangeV2,
  decodeConfChange,
  encodeConfChange,
} from './core/conf-change.ts';
export { MembershipError } from './core/membership.ts';
export {
  type ConfState,
  type Entry,
  type EntryType,
  type HardState,
  localAppendThread,
  localApplyThread,
  type Message,
  type MessageContent,
  type MessageType,
  makeMessage,
  type ReadState,
  type Role,
  type Snapshot,
  type SnapshotMetadata,
} from './core/messages.ts';
export type { ProgressState } from './core/progress.ts';
export type { CoreConfig, CoreLimits, CoreRecovery } from './core/raft.ts';
export {
  type BasicStatus,
  type CoreStatus,
  type PeerProgress,
  type ProposeResult,
  RawNode,
  type Ready,
  type Refusal,
  type SoftState,
} from './core/raw-node.ts';
export { type Clock, systemClock } from './driver/clock.ts';
export type { Membership } from './driver/members.ts';
export type {
  Applied,
  CommittedEntry,
  ProposeOptions,
  RaftEvent,
  RaftOptions,
  RaftStatus,
  RaftSummary,
  ReadIndexOptions,
  StateMachine,
} from './driver/options.ts';
export { maxProposalBytes, maxWaiting, Raft } from './driver/raft.ts';
export {
  ClosedError,
  DirectoryLockedError,
  LogDamagedError,
  NoLeaderError,
  NotLeaderError,
  ProposalRefusedError,
  ProposalUnknownError,
  StorageFailedError,
} from './errors.ts';
export type { DirectoryLock } from './storage/directory-lock.ts';
export { type Disk, type DiskFile, realDisk } from './storage/disk.ts';
export { DurableLog, type DurableLogOptions } from './storage/durable-log.ts';
export type { FrameContent } from './storage/record.ts';
export type { Recovered } from './storage/recovery.ts';
export { GrpcTransport, type GrpcTransportOptions, type PeerCall } from './transport/grpc.ts';
export { MemoryNetwork } from './transport/memory.ts';
export { maxMessageBytes } from './transport/peer-stream.ts';
export type { PeerAddress, Transport, TransportStart } from './transport/transport.ts';
