// The sending half towards one peer: a bounded queue, a stream that is opened again with growing pauses, and batches
// as large as the stream takes them. What does not fit is dropped from the old end, for a late message
// is worth less than a new one and Raft sends again what mattered.
import {
  type ChannelCredentials,
  Client,
  type ClientWritableStream,
  Metadata,
  type ServiceError,
  status,
} from '@grpc/grpc-js';
import type { Message } from '../core/messages.ts';
import { payloadBytes } from '../core/messages.ts';
import { RaftServiceService } from '../generated/raft/v1/raft.ts';
import type { PeerAddress, TransportStart } from './transport.ts';
import { type Batch, encodeBatch } from './wire.ts';

/** Messages that wait for one peer; older ones are dropped. */
export const maxQueuedMessages = 4096;
/** Bytes of data that wait for one peer; older messages are dropped. */
export const maxQueuedBytes = 128 * 1024 * 1024;
/** A batch is closed when it has this many bytes of data. */
export const batchBytes = 1024 * 1024;
/** What only tells a follower how much is committed waits so long for something that tells it along. */
export const commitHoldMs = 2;
/** The metadata key in which the sender names itself. */
export const peerKey = 'raft-peer';
/** The metadata key in which the sender names its cluster, if that has a name. */
export const clusterKey = 'raft-cluster';

const firstPauseMs = 50;
const longestPauseMs = 2_000;
export const channelDefaults = {
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.min_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': longestPauseMs,
  // A peer whose machine vanished answers nothing, not even a reset.
  'grpc.keepalive_time_ms': 5_000,
  'grpc.keepalive_timeout_ms': 3_000,
  // What it counts of each message costs more than it tells; the server's owner has it on the other end.
  'grpc.enable_channelz': 0,
} as const;

type Stream = ClientWritableStream<Batch>;

interface Queued {
  readonly message: Message;
  readonly bytes: number;
}

/** What names the sender of a call, and its cluster. */
export function senderMetadata({ id, clusterId = '' }: Pick<TransportStart, 'id' | 'clusterId'>): Metadata {
  const metadata = new Metadata();
  metadata.set(peerKey, String(id));
  if (clusterId !== '') metadata.set(clusterKey, clusterId);
  return metadata;
}

export class PeerStream {
  readonly #client: Client;
  readonly #to: number;
  readonly #started: TransportStart;
  #queue: Queued[] = [];
  #queuedBytes = 0;
  #stream: Stream | undefined;
  #isWritable = false;
  #isScheduled = false;
  #held: NodeJS.Timeout | undefined;
  #pauseMs = firstPauseMs;
  #pause: NodeJS.Timeout | undefined;
  #isClosed = false;
  #lastRefusal = '';

  constructor(started: TransportStart, peer: PeerAddress, credentials: ChannelCredentials) {
    this.#to = peer.id;
    this.#started = started;
    this.#client = new Client(peer.address, credentials, { ...channelDefaults, ...peer.channelOptions });
  }

  send(message: Message): void {
    if (this.#isClosed) return;
    const bytes = payloadBytes(message.entries);
    const last = this.#queue.at(-1)?.message;
    if (last !== undefined && isToldBy(message, last)) this.#queue.pop();
    this.#queue.push({ message, bytes });
    this.#queuedBytes += bytes;
    while (this.#queue.length > maxQueuedMessages || (this.#queuedBytes > maxQueuedBytes && this.#queue.length > 1)) {
      this.#queuedBytes -= this.#queue.shift()?.bytes ?? 0;
    }
    if (onlyTellsCommit(message)) this.#hold();
    else this.#schedule();
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#pause);
    clearTimeout(this.#held);
    this.#stream?.cancel();
    this.#client.close();
    this.#queue = [];
  }

  /**
   * Where one proposal follows the other, the next one's message is there before the time is over, and half of all
   * messages and of their answers are saved.
   */
  #hold(): void {
    this.#held ??= setTimeout(() => this.#flush(), commitHoldMs).unref();
  }

  /** What is sent in one go becomes one batch. Whoever waits in this process for what was sent before comes first. */
  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    process.nextTick(() => {
      this.#isScheduled = false;
      this.#flush();
    });
  }

  #flush(): void {
    clearTimeout(this.#held);
    this.#held = undefined;
    if (this.#isClosed || this.#pause !== undefined) return;
    const stream = this.#stream ?? this.#connect();
    while (this.#isWritable && this.#queue.length > 0) this.#isWritable = stream.write({ messages: this.#takeBatch() });
  }

  #takeBatch(): readonly Message[] {
    const batch: Message[] = [];
    for (let bytes = 0; bytes < batchBytes; ) {
      const next = this.#queue[0];
      if (next === undefined) break;
      this.#queue.shift();
      this.#queuedBytes -= next.bytes;
      batch.push(next.message);
      bytes += next.bytes;
    }
    return batch;
  }

  #connect(): Stream {
    const { path, responseDeserialize } = RaftServiceService.deliver;
    const ended = (error: ServiceError | null): void => {
      if (error !== null) this.#refused(error);
      this.#lost(stream);
    };
    const metadata = senderMetadata(this.#started);
    const stream = this.#client.makeClientStreamRequest(path, encodeBatch, responseDeserialize, metadata, ended);
    // The callback tells of every end; without a listener an error event would end the process.
    stream.on('error', () => undefined);
    stream.on('metadata', () => {
      this.#pauseMs = firstPauseMs;
    });
    stream.on('drain', () => {
      if (this.#stream !== stream) return;
      this.#isWritable = true;
      this.#flush();
    });
    this.#stream = stream;
    this.#isWritable = true;
    return stream;
  }

  /** Told once, until the reason is another. */
  #refused({ code, details }: ServiceError): void {
    const isRefusal = code === status.FAILED_PRECONDITION || code === status.PERMISSION_DENIED;
    if (isRefusal && details !== this.#lastRefusal) this.#started.refused?.(this.#to, details);
    if (isRefusal) this.#lastRefusal = details;
  }

  #lost(stream: Stream): void {
    if (this.#stream !== stream || this.#isClosed) return;
    this.#stream = undefined;
    this.#isWritable = false;
    this.#pause = setTimeout(() => {
      this.#pause = undefined;
      if (this.#queue.length > 0) this.#schedule();
    }, this.#pauseMs);
    this.#pause.unref();
    this.#pauseMs = Math.min(this.#pauseMs * 2, longestPauseMs);
  }
}

function onlyTellsCommit({ type, entries }: Message): boolean {
  return type === 'MsgApp' && entries.length === 0;
}

/** Whether who gets `message` misses nothing of an earlier one. */
function isToldBy(message: Message, earlier: Message): boolean {
  const isLater = message.type === 'MsgApp' && message.term === earlier.term && message.commit >= earlier.commit;
  return onlyTellsCommit(earlier) && isLater;
}
