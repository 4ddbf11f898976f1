// What a client is told when the log did not take its write: above all whether it may have happened.
import {
  ClosedError,
  DiskFullError,
  KindNotAnnouncedError,
  NotLeaderError,
  ProposalRefusedError,
  ProposalUnknownError,
} from 'raft-ts';
import { ApiError } from './errors.ts';

/** The same error, if it is none of raft-ts. */
export function errorOfRaft(cause: unknown): unknown {
  if (cause instanceof ProposalUnknownError)
    return new ApiError('leader.lost', 'Whether the change was made is not known. Look before you repeat it.', {
      cause,
    });
  if (cause instanceof NotLeaderError || cause instanceof ClosedError)
    return new ApiError('leader.unknown', 'This peer leads no more. Nothing was changed; try again.', { cause });
  if (cause instanceof DiskFullError)
    return new ApiError('disk.full', "The leader's disk is full. Nothing was changed; its operator must make room.", {
      cause,
    });
  if (cause instanceof KindNotAnnouncedError)
    return new ApiError(
      'peers.outdated',
      `Peer ${cause.peers.join(', ')} is of an earlier version, or was not heard of. Nothing was changed.`,
      { cause },
    );
  if (cause instanceof ProposalRefusedError)
    return new ApiError('leader.unknown', 'The leader takes no writes at the moment. Nothing was changed; try again.', {
      cause,
    });
  return cause;
}
