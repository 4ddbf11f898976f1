// Renews the certificates of the members that are reached, long before they end.
import { AgentState, pause } from '@argosy/proto';
import type { Logger } from 'pino';
import { type Enroller, renewIfDue } from './enrolment.ts';
import type { RegionWatch } from './region-watch.ts';

const CHECK_EVERY_MS = 3_600_000;

/** Looks at every reachable member's certificate once an hour, until the signal. */
export async function renewCertificates(
  world: { readonly enroller: Enroller; readonly watch: RegionWatch; readonly log: Logger },
  signal: AbortSignal,
): Promise<void> {
  const { enroller, watch, log } = world;
  while (!signal.aborted) {
    await pause(enroller.clock, CHECK_EVERY_MS, signal);
    for (const { agent, location, memberId } of watch.members()) {
      if (signal.aborted) return;
      if (agent.state !== AgentState.REACHABLE || location === undefined) continue;
      try {
        const face = await enroller.links.look(location);
        if (face.kind !== 'enrolled') continue;
        if (await renewIfDue(enroller, location, face)) log.info({ member_id: memberId }, 'certificate renewed');
      } catch (error) {
        log.warn({ err: error, member_id: memberId }, 'certificate not renewed');
      }
    }
  }
}
