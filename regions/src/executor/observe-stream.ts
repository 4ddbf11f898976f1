// One watcher of the region: the listing first, then what changes. A watcher that reads slowly gets the newest
// observation of each member, not every one, so that nothing piles up here.

import type { Clock, MemberObservation, ObserveResponse, RegionReport } from '@argosy/proto';
import type { ServerWritableStream } from '@grpc/grpc-js';
import type { RegionWatch } from './region-watch.ts';

export async function serveObserve(
  call: ServerWritableStream<unknown, ObserveResponse>,
  region: { readonly watch: RegionWatch; readonly clock: Clock; report(): RegionReport },
): Promise<void> {
  const ending = new AbortController();
  call.on('cancelled', () => ending.abort());
  call.on('error', () => ending.abort());
  await region.watch.ready(ending.signal);
  if (ending.signal.aborted) return;

  const pending = new Map<string, MemberObservation>();
  let toldReport = '';
  let isDraining = false;
  const write = (observation: ObserveResponse['observation']): void => {
    isDraining = !call.write({ time: region.clock.now(), observation });
  };
  const flush = (): void => {
    const report = region.report();
    const text = JSON.stringify(report);
    if (!isDraining && text !== toldReport) {
      toldReport = text;
      write({ $case: 'region', value: report });
    }
    for (const [memberId, value] of pending) {
      if (isDraining) return;
      pending.delete(memberId);
      write({ $case: 'member', value });
    }
  };
  // Nothing may come between listing and subscription: both happen in this turn.
  flush();
  const members = region.watch.members();
  for (const member of members) write({ $case: 'member', value: region.watch.observe(member) });
  write({ $case: 'listingComplete', value: { members: members.length } });
  const unsubscribe = region.watch.subscribe((observation) => {
    pending.set(observation.memberId, observation);
    if (!isDraining) flush();
  });
  call.on('drain', () => {
    isDraining = false;
    flush();
  });
  ending.signal.addEventListener('abort', () => {
    unsubscribe();
    call.end();
  });
}
