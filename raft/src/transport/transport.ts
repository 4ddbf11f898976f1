import type { Message } from '../core/messages.ts';

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
  readonly receive: (message: Message) => void;
}

/**
 * Carries messages between peers. It may lose, repeat, delay and reorder them, but never change one, and it delivers
 * only what comes from a peer that has proved to be `message.from`.
 */
export interface Transport {
  start(options: TransportStart): void;
  /** Never throws and never waits: what cannot be sent is lost. */
  send(messages: readonly Message[]): void;
  close(): Promise<void>;
}
