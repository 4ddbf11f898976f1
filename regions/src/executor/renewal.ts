// Renews certificates long before they end: the executor's own, and those of the members that are reached.
import { AgentState, pause } from '@argosy/proto';
import type { Logger } from 'pino';
import { type Enroller, renewIfDue } from './enrolment.ts';
import type { OwnCertificate } from './own-certificate.ts';
import type { RegionWatch } from './region-watch.ts';

export interface RenewalWorld {
  readonly enroller: Enroller;
  readonly own: OwnCertificate;
  readonly watch: RegionWatch;
  readonly checkEveryMs: number;
  readonly log: Logger;
}

/** Looks at every certificate at each interval, until the signal. */
export async function renewCertificates(world: RenewalWorld, signal: AbortSignal): Promise<void> {
  const { enroller, own, watch, checkEveryMs, log } = world;
  while (!signal.aborted) {
    await pause(enroller.clock, checkEveryMs, signal);
    try {
      await own.renewIfDue();
    } catch (error) {
      log.warn({ err: error }, 'own certificate not renewed');
    }
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
