// Sends a feed of events as the messages of a call, no faster than its client reads them.
import type { EventEmitter } from 'node:events';
import type { ServerWritableStream } from '@grpc/grpc-js';
import type { EventFeed, Notice } from '../rest/event-feed.ts';

/** Resolves when the feed has ended or the client has gone. @throws ApiError events.too_slow */
export async function sendFeed(
  feed: EventFeed,
  call: ServerWritableStream<unknown, Buffer>,
  encode: (notice: Notice) => Buffer,
): Promise<void> {
  if (call.cancelled) feed.destroy();
  call.once('cancelled', () => feed.destroy());
  try {
    for await (const notice of feed) {
      if (!call.write(encode(notice as Notice))) await firstOf([call, 'drain'], [feed, 'close']);
    }
  } catch (error) {
    if (!call.cancelled) throw error;
  }
}

function firstOf(...events: readonly (readonly [EventEmitter, string])[]): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      for (const [emitter, name] of events) emitter.off(name, done);
      resolve();
    };
    for (const [emitter, name] of events) emitter.once(name, done);
  });
}
