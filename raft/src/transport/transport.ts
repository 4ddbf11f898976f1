import type { Message } from '../core/messages.ts';
import type { SnapshotSource } from '../storage/snapshot-file.ts';

/** A voter and where it listens. */
export interface PeerAddress {
  /** At least 1, the same for ever: an id whose disk is gone must not come back with an empty one. */
  readonly id: number;
  /** As the transport understands it; for gRPC `host:port`. */
  readonly address: string;
  /** Passed to grpc-js as they are, for example `grpc.ssl_target_name_override`. */
  readonly channelOptions?: Readonly<Record<string, string | number>>;
}

export interface TransportStart {
  /** This peer's id. */
  readonly id: number;
  readonly peers: readonly PeerAddress[];
  /** Only peers with the same one speak with each other; empty when the cluster has no name. */
  readonly clusterId?: string;
  /** To be called when a peer does not let this one in. */
  readonly refused?: (by: number, why: string) => void;
  readonly receive: (message: Message) => void;
  /**
   * For transports with `sendSnapshot`: where the file of this MsgSnap, whose snapshot has no data, is to be put.
   * Undefined when none is taken now. The message is not given to `receive` as well.
   */
  readonly receiveSnapshot?: (
    message: Message,
    file: Pick<SnapshotSource, 'bytes' | 'crc32c'>,
  ) => Promise<SnapshotSink | undefined>;
}

/** The receiving end of a snapshot's file. */
export interface SnapshotSink {
  /** From here on it is to be sent. */
  readonly durableBytes: number;
  readonly hasAll: boolean;
  /** Resolves when it may go on. Throws when this is not the next piece, or not what was sent. */
  write(offset: number, data: Uint8Array, crc32c: number): Promise<void>;
  /** Delivers the message, if the whole file is what was offered; else throws. */
  finish(): Promise<void>;
  /** It goes on another time. */
  close(): Promise<void>;
}

/**
 * Carries messages between peers. It may lose, repeat, delay and reorder them, but never change one, and it delivers
 * only what comes from a peer that has proved to be `message.from`.
 */
export interface Transport {
  start(options: TransportStart): void;
  /** Never throws and never waits: what cannot be sent is lost. */
  send(messages: readonly Message[]): void;
  /**
   * Sends this MsgSnap, whose snapshot has no data, with the snapshot's file, piece by piece and on a way of its own.
   * Resolves when the receiver has it. Without this, snapshots are sent whole by `send`.
   */
  sendSnapshot?(message: Message, source: SnapshotSource, signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}
