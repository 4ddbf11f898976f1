// One snapshot on its way: the call on both sides. The sender reads from its disk only what the receiver has room for,
// and the receiver reads from the network only what its disk has taken, so neither holds more than a window in memory.
import { status } from '@grpc/grpc-js';
import type { Message } from '../core/messages.ts';
import { type Clock, systemClock } from '../driver/clock.ts';
import type { SendSnapshotRequest, SendSnapshotResponse, SnapshotOffer } from '../generated/raft/v1/raft.ts';
import { crc32c } from '../storage/crc32c.ts';
import type { SnapshotSource } from '../storage/snapshot-file.ts';
import type { SnapshotSink, TransportStart } from './transport.ts';
import { fromWire, toWire } from './wire.ts';

/** A snapshot travels in pieces of this size. */
export const chunkBytes = 1024 * 1024;
/** Bytes that are sent and not known to be durable. */
export const windowBytes = 4 * chunkBytes;
/** A larger snapshot does not travel: the receiver needs all of it in memory in the end. */
export const maxSnapshotBytes = 2 * 1024 * 1024 * 1024;

/** What a sender goes by; a simulator has its own. */
export interface Pace {
  readonly chunkBytes: number;
  readonly windowBytes: number;
  /** Without any answer for so long, the call is given up. */
  readonly patienceMs: number;
  readonly clock: Clock;
}

const usualPace: Pace = { chunkBytes, windowBytes, patienceMs: 30_000, clock: systemClock };

/** Of grpc-js's ends of a call, what is used here. */
export interface SenderCall extends AsyncIterable<SendSnapshotResponse> {
  write(request: SendSnapshotRequest): unknown;
  cancel(): void;
  on(event: 'error', listener: (error: Error) => void): unknown;
}

export interface ReceiverCall {
  iterator(options: { readonly destroyOnReturn: boolean }): AsyncIterable<SendSnapshotRequest>;
  write(response: SendSnapshotResponse): unknown;
  end(): unknown;
  emit(event: 'error', error: { readonly code: status; readonly details: string }): unknown;
}

/** Resolves when the receiver has all of it, and rejects when the call ended before. */
export async function sendSnapshot(
  call: SenderCall,
  message: Message,
  source: SnapshotSource,
  signal: AbortSignal,
  { chunkBytes, windowBytes, patienceMs, clock } = usualPace,
): Promise<void> {
  let lastHeardMs = clock.now();
  const abort = () => call.cancel();
  signal.addEventListener('abort', abort);
  const timer = clock.setInterval(() => {
    if (clock.now() - lastHeardMs > patienceMs) abort();
  }, patienceMs / 10);
  try {
    if (signal.aborted) throw new Error('The snapshot is not wanted any more.');
    const { bytes, crc32c: checksum } = source;
    call.write({ offer: { message: toWire(message), bytes, crc32c: checksum }, chunk: undefined });
    let sent: number | undefined;
    for await (const answer of call) {
      lastHeardMs = clock.now();
      if (answer.isComplete) return;
      sent ??= answer.durableBytes;
      while (sent < bytes && sent - answer.durableBytes < windowBytes) {
        const data = Buffer.from(await source.read(sent, Math.min(chunkBytes, bytes - sent)));
        call.write({ offer: undefined, chunk: { offset: sent, data, crc32c: crc32c(data) } });
        sent += data.length;
      }
    }
    throw new Error('The receiver ended the call before it had all of the snapshot.');
  } finally {
    clock.clearInterval(timer);
    signal.removeEventListener('abort', abort);
    call.on('error', () => undefined);
    call.cancel();
  }
}

/** Takes a snapshot from a caller who has been let in as the peer `from`. */
export async function receiveSnapshot(call: ReceiverCall, from: number, started: TransportStart): Promise<void> {
  let sink: SnapshotSink | undefined;
  let hasAll = false;
  try {
    // The last answer is still to be written when nothing more is read.
    const requests = call.iterator({ destroyOnReturn: false });
    for await (const { offer, chunk } of requests) {
      if (sink === undefined) {
        sink = await open(offer, from, started);
        if (sink === undefined) throw Object.assign(new Error('No snapshot is taken now.'), { code: status.ABORTED });
      } else if (chunk !== undefined) await sink.write(chunk.offset, chunk.data, chunk.crc32c);
      if (sink.hasAll) {
        hasAll = true;
        await sink.finish();
        break;
      }
      call.write({ durableBytes: sink.durableBytes, isComplete: false });
    }
    if (hasAll) call.write({ durableBytes: sink?.durableBytes ?? 0, isComplete: true });
    call.end();
  } catch (error) {
    const { code, message: details } = error as Error & { code?: unknown };
    call.emit('error', { code: typeof code === 'number' ? code : status.ABORTED, details });
  } finally {
    if (!hasAll) await sink?.close();
  }
}

async function open(
  offer: SnapshotOffer | undefined,
  from: number,
  { receiveSnapshot: take }: TransportStart,
): Promise<SnapshotSink | undefined> {
  const message = offer?.message === undefined ? undefined : fromWire(offer.message);
  if (offer === undefined || message?.type !== 'MsgSnap' || message.from !== from) return undefined;
  if (offer.bytes > maxSnapshotBytes) return undefined;
  return take?.(message, { bytes: offer.bytes, crc32c: offer.crc32c });
}
