// Which commands a member takes: those for itself, and none of an epoch or a rule that it has left behind. Pure: what
// is refused is said in a sentence, with both numbers.

import type { CommandHeader } from '@argosy/proto';
import { status } from '@grpc/grpc-js';
import type { MemberState } from './state.ts';

/** What is answered to a caller who is refused, or whom the engine failed. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  readonly code: status;

  constructor(code: status, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** @throws CommandError when the command is not for this member, or is older than what the member has stored. */
export function admit(state: MemberState, header: CommandHeader | undefined): CommandHeader {
  if (header === undefined) throw new CommandError(status.INVALID_ARGUMENT, 'The command has no header.');
  if (header.clusterId !== state.clusterId || header.memberId !== state.memberId) {
    throw refused(`The command is for member ${header.memberId} of ${header.clusterId}; this is ${state.memberId}.`);
  }
  if (header.epoch < state.epoch) {
    throw refused(`The command is of epoch ${header.epoch}; this member has promised epoch ${state.epoch}.`);
  }
  if (header.epoch === state.epoch && header.generation < state.generation) {
    throw refused(
      `The command is of generation ${header.generation}; this member is at generation ${state.generation} of epoch ${state.epoch}.`,
    );
  }
  if (header.specRevision < state.specRevision) {
    throw refused(`The command is of revision ${header.specRevision}; this member has seen ${state.specRevision}.`);
  }
  return header;
}

export function refused(message: string): CommandError {
  return new CommandError(status.FAILED_PRECONDITION, message);
}
