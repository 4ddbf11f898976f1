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
export { maxProposalBytes, maxWaiting } from './driver/config.ts';
export type { Membership } from './driver/members.ts';
export type { MetricFamily, MetricSample } from './driver/metrics.ts';
export type {
  Applied,
  CommittedEntry,
  OpenSessionOptions,
  ProposeEntryOptions,
  ProposeOptions,
  RaftEvent,
  RaftOptions,
  RaftStatus,
  RaftSummary,
  RaftTraceEvent,
  ReadIndexOptions,
  StateMachine,
} from './driver/options.ts';
export { Raft } from './driver/raft.ts';
export { type RecoverOptions, type RecoveryReport, recover } from './driver/recover.ts';
export { maxSessions, maxSessionWindow } from './driver/session-table.ts';
export type { Session, SessionApplied, SessionProposeOptions } from './driver/sessions.ts';
export {
  ClosedError,
  DirectoryLockedError,
  DiskFullError,
  KindNotAnnouncedError,
  LogDamagedError,
  NoLeaderError,
  NotLeaderError,
  ProposalRefusedError,
  ProposalUnknownError,
  SessionError,
  type SessionErrorCode,
  StorageFailedError,
  UnknownKindError,
  WrongClusterError,
} from './errors.ts';
export type { DirectoryLock } from './storage/directory-lock.ts';
export { type Disk, type DiskFile, realDisk } from './storage/disk.ts';
export { DurableLog } from './storage/durable-log.ts';
export type { DiskSpace, DurableLogOptions } from './storage/log-options.ts';
export type { FrameContent } from './storage/record.ts';
export type { Recovered } from './storage/recovery.ts';
export type { SnapshotSource } from './storage/snapshot-file.ts';
export { GrpcTransport, type GrpcTransportOptions, type PeerCall } from './transport/grpc.ts';
export { MemoryNetwork } from './transport/memory.ts';
export { maxSnapshotBytes } from './transport/snapshot-call.ts';
export type { PeerAddress, SnapshotSink, Transport, TransportStart } from './transport/transport.ts';
