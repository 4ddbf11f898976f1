// What can happen to an honest caller. What cannot happen is an assertion, and ends the process.

/** This peer does not lead. The proposal was surely not appended; it may be made again, best at `leaderId`. */
export class NotLeaderError extends Error {
  override readonly name = 'NotLeaderError';
  readonly leaderId: number | undefined;

  constructor(leaderId: number | undefined) {
    super(leaderId === undefined ? 'This peer does not lead and knows no leader.' : `Peer ${leaderId} leads.`);
    this.leaderId = leaderId;
  }
}

/** The proposal was appended, but what became of it is not known: it may be committed now, later or never. */
export class ProposalUnknownError extends Error {
  override readonly name = 'ProposalUnknownError';
  readonly index: number;
  readonly term: number;

  constructor(index: number, term: number, why: string, options?: ErrorOptions) {
    super(`It is not known whether entry ${index} of term ${term} will be committed: ${why}.`, options);
    this.index = index;
    this.term = term;
  }
}

/** Too much waits to be committed, or the proposal is too large. It was surely not appended. */
export class ProposalRefusedError extends Error {
  override readonly name: string = 'ProposalRefusedError';
}

/** The disk of this peer's log has no room. The proposal was surely not appended. */
export class DiskFullError extends ProposalRefusedError {
  override readonly name = 'DiskFullError';

  constructor(directory: string, options?: ErrorOptions) {
    super(`The disk under ${directory} is full. Make room on it: the peer goes on by itself.`, options);
  }
}

/** Not every member has said that it can apply such entries. The proposal was surely not appended. */
export class KindNotAnnouncedError extends ProposalRefusedError {
  override readonly name = 'KindNotAnnouncedError';
  readonly kind: string;
  /** Who has not said so: they are down, not reached yet, or of an earlier version. */
  readonly peers: readonly number[];

  constructor(kind: string, peers: readonly number[]) {
    super(
      `Peer ${peers.join(', ')} has not announced that it can apply entries of the kind ${kind}. ` +
        'Bring every peer to the version that knows it, or remove the peer.',
    );
    this.kind = kind;
    this.peers = peers;
  }
}

/** The log has entries that this version cannot apply. The peer must be brought to a version that announces them. */
export class UnknownKindError extends Error {
  override readonly name = 'UnknownKindError';

  constructor(kinds: readonly string[]) {
    super(`The log has entries of the kind ${kinds.join(', ')}, which this version of the peer cannot apply.`);
  }
}

export type SessionErrorCode =
  /** The session is gone: it was idle for too long, or closed. */
  | 'session.expired'
  /** The time ran out. */
  | 'session.unknown'
  /** The command was applied, once, but what it answered is not kept. */
  | 'session.answer_lost'
  /** No session was opened. */
  | 'session.unavailable';

const sessionMessages: Record<SessionErrorCode, string> = {
  'session.expired': 'The session has expired. Whether the command was applied before is not known.',
  'session.unknown': 'The time ran out. Repeat the command with the same serial number, and it is applied only once.',
  'session.answer_lost': 'The command was applied, but its answer is not kept any more.',
  'session.unavailable': 'No leader opened the session in time, or not every member is of a version with sessions.',
};

/** A session cannot say what a command was answered. Only `session.unknown` is worth a repeat, with its serial number. */
export class SessionError extends Error {
  override readonly name = 'SessionError';
  readonly code: SessionErrorCode;
  /** The command's; 0 when there is none. */
  readonly serial: number;

  constructor(code: SessionErrorCode, serial = 0, cause?: Error) {
    super(sessionMessages[code], cause === undefined ? undefined : { cause });
    this.code = code;
    this.serial = serial;
  }
}

/** No leader confirmed the read in time. Nothing was read. */
export class NoLeaderError extends Error {
  override readonly name = 'NoLeaderError';

  constructor() {
    super('No leader confirmed the read in time.');
  }
}

/** The peer is closed, or closed itself after a fatal error. Nothing was appended or read. */
export class ClosedError extends Error {
  override readonly name = 'ClosedError';

  constructor() {
    super('This peer is closed.');
  }
}

/** Another living process has the directory open. */
export class DirectoryLockedError extends Error {
  override readonly name = 'DirectoryLockedError';

  constructor(directory: string, pid: number) {
    super(`The directory ${directory} is in use${pid > 0 ? ` by process ${pid}` : ''}.`);
  }
}

/** What the disk holds is not what was written to it. The peer must not start on it: remove it and let it be replaced. */
export class LogDamagedError extends Error {
  override readonly name = 'LogDamagedError';
  readonly file: string;
  /** Bytes from the file's beginning. */
  readonly offset: number;

  constructor(file: string, offset: number, what: string) {
    super(`${file} is damaged at byte ${offset}: ${what}.`);
    this.file = file;
    this.offset = offset;
  }
}

/** The directory belongs to another cluster than its owner says. The peer must not take part in this one. */
export class WrongClusterError extends Error {
  override readonly name = 'WrongClusterError';

  constructor(directory: string, found: string, wanted: string) {
    super(
      `The directory ${directory} belongs to the cluster ${found}, and not to ${wanted}. If that cluster was recovered ` +
        'without this peer, remove the directory, and let the peer be added anew under another id.',
    );
  }
}

/** Whether a disk said that it has no room left. */
export function isDiskFull(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  return code === 'ENOSPC' || code === 'EDQUOT';
}

/** A write or sync failed. What is durable is unknown from then on, so nothing is tried again: the process must end. */
export class StorageFailedError extends Error {
  override readonly name = 'StorageFailedError';
}
