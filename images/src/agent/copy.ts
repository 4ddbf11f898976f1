// The data of one member on their way to another, by the agents' mutual TLS: of engines whose data directory can be copied
// by a program only that runs beside it. Nothing of it is kept on the way, and who reads slowly slows down who sends.
import { once } from 'node:events';
import type { Upstream } from '@argosy/datastores/drivers';
import type { CopyRequest, CopyResponse, Credentials } from '@argosy/proto';
import type { ServerWritableStream } from '@grpc/grpc-js';
import { refused } from './admission.ts';
import { dialAgent } from './dial-agent.ts';

/** What may be on its way at once: with HTTP/2's own 64 KiB a copy would wait for an answer from afar after each. */
const WINDOW_BYTES = 8 * 1024 * 1024;

/** @throws Error when the data cannot be read to their end; what was sent until then is worth nothing */
export async function sendCopy(
  call: ServerWritableStream<CopyRequest, CopyResponse>,
  copyOut: (() => AsyncIterable<Uint8Array>) | undefined,
): Promise<void> {
  if (copyOut === undefined) throw refused('This member gives no copies.');
  const gone = new AbortController();
  call.on('cancelled', () => gone.abort());
  for await (const piece of copyOut()) {
    if (gone.signal.aborted) return;
    if (call.write({ piece: Buffer.from(piece) })) continue;
    await once(call, 'drain', { signal: gone.signal }).catch(() => undefined);
  }
  call.end();
}

/** The data of the primary, as its agent sends them. It fails unless they came whole. */
export async function* fetchCopy(source: Upstream, credentials: Credentials): AsyncIterable<Uint8Array> {
  const client = dialAgent(source, credentials, { 'grpc-node.flow_control_window': WINDOW_BYTES });
  const call = client.copy({ memberId: source.memberId });
  try {
    for await (const { piece } of call as AsyncIterable<CopyResponse>) yield piece;
  } finally {
    call.cancel();
    client.close();
  }
}
