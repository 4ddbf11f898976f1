// Peers over gRPC. The caller owns the server (it may serve other services on the same port), the credentials of both
// directions, and the decision who is a peer; this file only moves messages.
import {
  type ChannelCredentials,
  Metadata,
  type Server,
  type ServerDuplexStream,
  type ServerReadableStream,
  status,
} from '@grpc/grpc-js';
import type { Message } from '../core/messages.ts';
import {
  type DeliverResponse,
  RaftServiceClient,
  RaftServiceService,
  type SendSnapshotRequest,
  type SendSnapshotResponse,
} from '../generated/raft/v1/raft.ts';
import type { SnapshotSource } from '../storage/snapshot-file.ts';
import { channelDefaults, clusterKey, PeerStream, peerKey, senderMetadata } from './peer-stream.ts';
import { receiveSnapshot, sendSnapshot } from './snapshot-call.ts';
import type { Transport, TransportStart } from './transport.ts';
import { type Batch, decodeBatch, encodeBatch } from './wire.ts';

const service = {
  ...RaftServiceService,
  deliver: { ...RaftServiceService.deliver, requestSerialize: encodeBatch, requestDeserialize: decodeBatch },
};

/** A peer's call, as grpc-js shows it: `getAuthContext()` has the certificate, `metadata` what the caller says of itself. */
export type PeerCall = ServerReadableStream<unknown, unknown> | ServerDuplexStream<unknown, unknown>;

type SnapshotCall = ServerDuplexStream<SendSnapshotRequest, SendSnapshotResponse>;

type DeliverCallback = (error: { code: number; details: string } | null, value?: DeliverResponse) => void;

interface Refusal {
  readonly code: status;
  readonly details: string;
}

const notRunning: Refusal = { code: status.UNAVAILABLE, details: 'This peer is not running.' };

function senderOf(call: PeerCall): number {
  return Number(call.metadata.get(peerKey)[0]);
}

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
  readonly #calls = new Set<PeerCall>();
  #started: TransportStart | undefined;
  #isClosed = false;

  constructor(options: GrpcTransportOptions) {
    this.#options = options;
  }

  /** Adds the peers' service to the caller's server. What arrives before `Raft.open` is refused. */
  addTo(server: Server): void {
    server.addService(service, {
      deliver: (call: ServerReadableStream<Batch, DeliverResponse>, callback: DeliverCallback) =>
        this.#deliver(call, callback),
      sendSnapshot: (call: SnapshotCall) => this.#receiveSnapshot(call),
    });
  }

  start(options: TransportStart): void {
    this.#started = options;
    for (const peer of options.peers) {
      if (peer.id === options.id) continue;
      this.#streams.set(peer.id, new PeerStream(options, peer, this.#options.credentials));
    }
  }

  send(messages: readonly Message[]): void {
    for (const message of messages) this.#streams.get(message.to)?.send(message);
  }

  async sendSnapshot(message: Message, source: SnapshotSource, signal: AbortSignal): Promise<void> {
    const started = this.#started;
    const peer = started?.peers.find(({ id }) => id === message.to);
    if (started === undefined || peer === undefined || this.#isClosed)
      throw new Error(`Peer ${message.to} is not known, or this one is closed.`);
    const options = { ...channelDefaults, ...peer.channelOptions, 'grpc.use_local_subchannel_pool': 1 };
    const client = new RaftServiceClient(peer.address, this.#options.credentials, options);
    try {
      await sendSnapshot(client.sendSnapshot(senderMetadata(started)), message, source, signal);
    } finally {
      client.close();
    }
  }

  /** Ends the streams of both directions. The server stays the caller's. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const stream of this.#streams.values()) stream.close();
    for (const call of this.#calls) call.destroy();
  }

  /** Why this call is not let in; undefined when it is. */
  #refusal(call: PeerCall): Refusal | undefined {
    const started = this.#started;
    if (started === undefined || this.#isClosed) return notRunning;
    const from = senderOf(call);
    const isPeer = from !== started.id && started.peers.some((peer) => peer.id === from);
    if (!isPeer || !this.#options.authorize(call, from)) {
      return { code: status.PERMISSION_DENIED, details: 'This caller is not a peer.' };
    }
    const [claimed = ''] = call.metadata.get(clusterKey);
    const { clusterId = '' } = started;
    if (claimed === clusterId) return undefined;
    const name = (id: string) => (id === '' ? 'a cluster without a name' : `the cluster ${id}`);
    const details =
      `This peer belongs to ${name(clusterId)}, and the caller to ${name(String(claimed))}. After a recovery, a peer of ` +
      'before must be removed with its directory, and be added anew under another id.';
    return { code: status.FAILED_PRECONDITION, details };
  }

  #receiveSnapshot(call: SnapshotCall): void {
    const refused = this.#refusal(call);
    const started = this.#started;
    if (refused !== undefined || started === undefined) {
      call.emit('error', refused ?? notRunning);
      return;
    }
    this.#calls.add(call);
    call.on('error', () => this.#calls.delete(call));
    call.on('close', () => this.#calls.delete(call));
    void receiveSnapshot(call, senderOf(call), started);
  }

  #deliver(call: ServerReadableStream<Batch, DeliverResponse>, callback: DeliverCallback): void {
    const refused = this.#refusal(call);
    const started = this.#started;
    if (refused !== undefined || started === undefined) {
      callback(refused ?? notRunning);
      return;
    }
    const from = senderOf(call);
    this.#calls.add(call);
    // The sender's pauses begin anew when it sees that it was let in.
    call.sendMetadata(new Metadata());
    call.on('data', ({ messages }: Batch) => {
      for (const message of messages) {
        // Who was let in as one peer must not speak as another.
        if (message.from === from && !this.#isClosed) started.receive(message);
      }
    });
    call.on('error', () => this.#calls.delete(call));
    call.on('close', () => this.#calls.delete(call));
    call.on('end', () => callback(null, {}));
  }
}
