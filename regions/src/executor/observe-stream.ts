// One watcher of the region: the region itself at once, the listing of its members as soon as Heat has been heard, then
// what changes. A watcher that reads slowly gets the newest observation of each member, not every one, so that nothing
// piles up here.

import type { Clock, MemberObservation, ObserveResponse, RegionReport } from '@argosy/proto';
import { pause } from '@argosy/proto';
import type { ServerWritableStream } from '@grpc/grpc-js';
import type { RegionWatch } from './region-watch.ts';

/** What a region tells of itself changes also when no member does. */
const REPORT_CHECK_MS = 1_000;

export async function serveObserve(
  call: ServerWritableStream<unknown, ObserveResponse>,
  region: { readonly watch: RegionWatch; readonly clock: Clock; report(): RegionReport },
): Promise<void> {
  const ending = new AbortController();
  call.on('cancelled', () => ending.abort());
  call.on('error', () => ending.abort());
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
  call.on('drain', () => {
    isDraining = false;
    flush();
  });
  const telling = tellRegion(flush, region, ending.signal);
  await region.watch.ready(ending.signal);
  if (ending.signal.aborted) return;

  // Nothing may come between listing and subscription: both happen in this turn.
  flush();
  const members = region.watch.members();
  for (const member of members) write({ $case: 'member', value: region.watch.observe(member) });
  write({ $case: 'listingComplete', value: { members: members.length } });
  const unsubscribe = region.watch.subscribe((observation) => {
    pending.set(observation.memberId, observation);
    if (!isDraining) flush();
  });
  ending.signal.addEventListener('abort', () => {
    unsubscribe();
    call.end();
  });
  await telling;
}

/** Before Heat has been heard only its failure is news: what is free is not known yet. */
async function tellRegion(
  flush: () => void,
  region: { readonly watch: RegionWatch; readonly clock: Clock },
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    if (region.watch.hasListed() || region.watch.heatFailure() !== '') flush();
    await pause(region.clock, REPORT_CHECK_MS, signal);
  }
}
