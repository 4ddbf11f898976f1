// Gives an agent its certificate. The guest proves by its one-time token that a signing request is its own; what is
// installed then is public, so a stranger in between gains nothing. That the agent holds the key is seen afterwards,
// when its name is verified.

import {
  type AgentServiceClient,
  type Clock,
  callUnary,
  enrolmentMac,
  enrolmentToken,
  isSameMac,
  type KeyPair,
  pause,
  signLeaf,
} from '@argosy/proto';
import { status } from '@grpc/grpc-js';
import type { AgentFace, AgentLinks } from './agent-links.ts';
import { CommandError, isServiceError } from './command-error.ts';
import type { Location } from './member-stack.ts';

const CALL_TIMEOUT_MS = 10_000;
/** Between two looks at a guest that boots: soon for one that takes no time, rarer for a virtual machine. */
const FIRST_LOOK_MS = 50;
const MAX_LOOK_MS = 500;
const LOOK_GROWTH = 1.05;
/** A certificate that was brought is served with at once, as a rule. */
const AFTER_INSTALL_MS = 30;
/** A guest may boot for minutes (a virtual machine without hardware support took four). */
const ENROLMENT_LIMIT_MS = 15 * 60_000;

export interface Enroller {
  readonly links: AgentLinks;
  readonly intermediate: KeyPair;
  readonly regionKey: string;
  /** How long a member's certificate is good for. */
  readonly memberCertificateDays: number;
  readonly clock: Clock;
}

/**
 * Answers when the agent serves under its verified name. @throws CommandError PERMISSION_DENIED when what answers at
 * the member's address does not know the token; UNAVAILABLE when nothing answers in time.
 */
export async function enrol(enroller: Enroller, location: Location, signal: AbortSignal): Promise<void> {
  const { links, clock } = enroller;
  const { memberId } = location.identity;
  const end = clock.monotonicMs() + ENROLMENT_LIMIT_MS;
  let last: string | undefined;
  let lookMs = FIRST_LOOK_MS;
  while (clock.monotonicMs() < end) {
    signal.throwIfAborted();
    const face = await links.look(location);
    if (face.kind === 'enrolled') {
      // A connection from before has only learned to be patient; one to an agent that was there all along is kept.
      if (last !== undefined || !links.isConnected(memberId)) links.reset(memberId);
      return;
    }
    const failure = face.kind === 'absent' ? face.why : await attempt(enroller, location);
    last = failure ?? 'it does not use its certificate yet';
    await pause(clock, failure === undefined ? AFTER_INSTALL_MS : lookMs, signal);
    lookMs = Math.min(lookMs * LOOK_GROWTH, MAX_LOOK_MS);
  }
  throw new CommandError(
    status.UNAVAILABLE,
    `The agent of ${memberId} did not enrol in time: ${last ?? 'nothing was seen'}.`,
  );
}

/** Renews a certificate of which less than a third of its life is left; answers whether it did. */
export async function renewIfDue(
  enroller: Enroller,
  location: Location,
  face: AgentFace & { readonly kind: 'enrolled' },
): Promise<boolean> {
  const left = face.validTo.getTime() - enroller.clock.now().getTime();
  if (left * 3 >= face.validTo.getTime() - face.validFrom.getTime()) return false;
  await install(enroller, location, enroller.links.client(location));
  return true;
}

/** One exchange with an agent that is not enrolled. Answers why it failed when it is worth another try. */
async function attempt(enroller: Enroller, location: Location): Promise<string | undefined> {
  const client = enroller.links.strangerClient(location);
  try {
    await install(enroller, location, client);
    return undefined;
  } catch (error) {
    // The agent restarts or has just been enrolled by another executor: look again.
    const isPassing = isServiceError(error) && error.code !== status.PERMISSION_DENIED;
    if (!isPassing) throw error;
    return error.details;
  } finally {
    client.close();
  }
}

async function install(enroller: Enroller, location: Location, client: AgentServiceClient): Promise<void> {
  const { identity } = location;
  const deadline = (): Date => new Date(enroller.clock.now().getTime() + CALL_TIMEOUT_MS);
  const enrolled = await callUnary(
    client.enrol.bind(client),
    { memberId: identity.memberId },
    { deadline: deadline() },
  );

  const token = enrolmentToken(enroller.regionKey, identity.memberId);
  if (!isSameMac(enrolled.mac, enrolmentMac(token, enrolled.signingRequest))) {
    throw new CommandError(
      status.PERMISSION_DENIED,
      `What answers at ${location.address} does not know the enrolment token of ${identity.memberId}.`,
    );
  }
  const certificateChain = await signLeaf(enroller.intermediate, {
    request: enrolled.signingRequest,
    identity,
    addresses: [...new Set([location.address, location.localAddress])],
    validity: { now: enroller.clock.now(), days: enroller.memberCertificateDays },
  });
  await callUnary(client.installCertificate.bind(client), { certificateChain }, { deadline: deadline() });
}
