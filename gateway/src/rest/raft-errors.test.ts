import test from 'ava';
import {
  ClosedError,
  DiskFullError,
  KindNotAnnouncedError,
  NotLeaderError,
  ProposalRefusedError,
  ProposalUnknownError,
} from 'raft-ts';
import type { ApiError } from './errors.ts';
import { errorOfRaft } from './raft-errors.ts';

test('only a write that may have happened is called lost; all that surely did not may be repeated', (t) => {
  const codeOf = (error: Error) => (errorOfRaft(error) as ApiError).code;

  t.is(codeOf(new ProposalUnknownError(1, 1, 'the time ran out')), 'leader.lost');
  t.is(codeOf(new NotLeaderError(2)), 'leader.unknown');
  t.is(codeOf(new ClosedError()), 'leader.unknown');
  t.is(codeOf(new ProposalRefusedError('Too much waits.')), 'leader.unknown');
  t.is(codeOf(new DiskFullError('/data')), 'disk.full');
  t.is(codeOf(new KindNotAnnouncedError('new', [3])), 'peers.outdated');
  const other = new Error('other');
  t.is(errorOfRaft(other), other);
});
