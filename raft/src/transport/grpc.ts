// Peers over gRPC. The caller owns the server (it may serve other services on the same port), the credentials of both
// directions, and the decision who is a peer; this file only moves messages.
import {
  type ChannelCredentials,
  type handleClientStreamingCall,
  Metadata,
  type Server,
  type ServerReadableStream,
  status,
} from '@grpc/grpc-js';
import type { Message } from '../core/messages.ts';
import { type DeliverResponse, RaftServiceService } from '../generated/raft/v1/raft.ts';
import { maxMessageBytes, PeerStream, peerKey } from './peer-stream.ts';
import { DecodeError } from './protobuf.ts';
import type { Transport, TransportStart } from './transport.ts';
import { type Batch, decodeBatch, decodeMessage, encodeBatch } from './wire.ts';

const service = {
  deliver: { ...RaftServiceService.deliver, requestSerialize: encodeBatch, requestDeserialize: decodeBatch },
};

/** A peer's call, as grpc-js shows it: `getAuthContext()` has the certificate, `metadata` what the caller says of itself. */
export type PeerCall = ServerReadableStream<unknown, unknown>;

export interface GrpcTransportOptions {
  /** With which this peer dials the others. */
  readonly credentials: ChannelCredentials;
  /**
   * Whether this call may speak for the peer `from`. It must look at the certificate: whoever passes
   * can make this peer believe anything. Without mutual TLS it can only answer from the network's boundaries.
   */
  readonly authorize: (call: PeerCall, from: number) => boolean;
}

export class GrpcTransport implements Transport {
  readonly #options: GrpcTransportOptions;
  readonly #streams = new Map<number, PeerStream>();
  readonly #calls = new Set<ServerReadableStream<Batch, DeliverResponse>>();
  #started: TransportStart | undefined;
  #isClosed = false;

  constructor(options: GrpcTransportOptions) {
    this.#options = options;
  }

  /** Adds the peers' service to the caller's server. What arrives before `Raft.open` is refused. */
  addTo(server: Server): void {
    const deliver: handleClientStreamingCall<Batch, DeliverResponse> = (call, done) => this.#deliver(call, done);
    server.addService(service, { deliver });
  }

  start(options: TransportStart): void {
    this.#started = options;
    for (const peer of options.peers) {
      if (peer.id === options.id) continue;
      this.#streams.set(peer.id, new PeerStream(options.id, peer, this.#options.credentials));
    }
  }

  send(messages: readonly Message[]): void {
    for (const message of messages) this.#streams.get(message.to)?.send(message);
  }

  /** Ends the streams of both directions. The server stays the caller's. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const stream of this.#streams.values()) stream.close();
    for (const call of this.#calls) call.destroy();
  }

  #deliver(
    call: ServerReadableStream<Batch, DeliverResponse>,
    callback: (error: { code: number; details: string } | null, value?: DeliverResponse) => void,
  ): void {
    const refuse = (code: number, details: string) => callback({ code, details });
    const started = this.#started;
    if (started === undefined || this.#isClosed) {
      refuse(status.UNAVAILABLE, 'This peer is not running.');
      return;
    }
    const from = Number(call.metadata.get(peerKey)[0]);
    const isPeer = from !== started.id && started.peers.some((peer) => peer.id === from);
    if (!isPeer || !this.#options.authorize(call, from)) {
      refuse(status.PERMISSION_DENIED, 'This caller is not a peer.');
      return;
    }

    this.#calls.add(call);
    // The sender's pauses begin anew when it sees that it was let in.
    call.sendMetadata(new Metadata());
    const assembler = new Assembler();
    call.on('data', (batch: Batch) => {
      const messages = assembler.take(batch);
      if (messages === undefined) call.destroy(new Error('A message does not decode.'));
      for (const message of messages ?? []) {
        // Who was let in as one peer must not speak as another.
        if (message.from === from && !this.#isClosed) started.receive(message);
      }
    });
    call.on('error', () => this.#calls.delete(call));
    call.on('close', () => this.#calls.delete(call));
    call.on('end', () => callback(null, {}));
  }
}

/** Puts chunks together again. What is too large is dropped whole. */
class Assembler {
  #chunks: Buffer[] = [];
  #bytes = 0;

  /** The messages that are complete; undefined when one does not decode. */
  take({ messages, chunk, lastChunk }: Batch): readonly Message[] | undefined {
    if (chunk.length > 0) {
      this.#bytes += chunk.length;
      if (this.#bytes <= maxMessageBytes) this.#chunks.push(chunk);
      else this.#chunks = [];
    }
    if (!lastChunk) return messages;
    const chunks = this.#chunks;
    const isTooLarge = this.#bytes > maxMessageBytes;
    this.#chunks = [];
    this.#bytes = 0;
    if (isTooLarge || chunks.length === 0) return messages;
    try {
      const message = decodeMessage(Buffer.concat(chunks));
      return message === undefined ? messages : [...messages, message];
    } catch (error) {
      if (error instanceof DecodeError) return undefined;
      throw error;
    }
  }
}
