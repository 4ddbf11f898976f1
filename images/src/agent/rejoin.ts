// How a member whose log went another way comes back: what it holds too much is kept first, then its data are rewound, and
// copied when that fails in any way. Each step is marked on the volume before it begins, so that whatever is broken off is
// begun again where it was, and data that are half of this and half of that are used for nothing.
import { DivergedError, type Driver, DriverError, type Upstream } from '@argosy/datastores/drivers';
import { type CommandHeader, type Position, RejoinMethod, type RejoinResponse } from '@argosy/proto';
import type { Logger } from 'pino';
import type { MemberState, StateFile } from './state.ts';

export interface RejoinParts {
  readonly file: StateFile;
  readonly driver: Driver;
  readonly log: Logger;
}

export interface Rejoin {
  readonly header: CommandHeader;
  readonly source: Upstream;
  readonly mustKeepTail: boolean;
}

/** @throws DriverError `unavailable` when it cannot be begun now */
export async function rejoin({ file, driver, log }: RejoinParts, request: Rejoin): Promise<RejoinResponse> {
  const { header, source, mustKeepTail } = request;
  const { epoch } = header;
  // Once it has a role again, it has gone another way since: then whoever asks with a new key means that.
  const { data, role } = file.state;
  const isRepeat = role === null || (data.status === 'copied' && data.idempotencyKey === header.idempotencyKey);
  const known = isRepeat ? answerOf(file.state, header) : undefined;
  if (known !== undefined) return known;

  const isWhole = file.state.data.status === 'initialised' || file.state.data.status === 'copied';
  // Stored first: whoever restarts now leads no older epoch, and takes up nothing by itself.
  await file.change(marksOf(file.state, header));
  if (isWhole) {
    const tail = await driver.saveTail(source, { epoch, mustKeep: mustKeepTail });
    if (tail === undefined) {
      await file.change({ tail: null });
      return await unchanged(driver);
    }
    log.info({ epoch, ...tail }, 'Kept what this log holds too much.');
    await file.change({ tail });
  }
  await file.change({ data: { status: 'incomplete' } });
  const copied = async (reason: string) => ({ method: 'copied' as const, reason, position: await driver.seed(source) });
  const done = isWhole
    ? await driver.rewind(source, epoch).then(
        (position) => ({ method: 'rewound' as const, reason: '', position }),
        (error: unknown) => copied(reasonOf(error)),
      )
    : await copied('A rejoin, or a copy, was broken off before.');
  log.info({ epoch, method: done.method, reason: done.reason }, 'The data go on with those of the primary.');
  const { idempotencyKey } = header;
  const { position, ...how } = done;
  await file.change({
    data: { status: 'copied', idempotencyKey, position, isCaughtUp: false, rejoin: { ...how, epoch } },
  });
  return answerOf(file.state, header) as RejoinResponse;
}

/** The answer of one that follows in this epoch: whoever asks may not have heard that it was brought back before. */
export async function alreadyBack({ file, driver }: RejoinParts, header: CommandHeader): Promise<RejoinResponse> {
  return answerOf(file.state, header) ?? (await unchanged(driver));
}

async function unchanged(driver: Driver): Promise<RejoinResponse> {
  const { position } = await driver.probe();
  return { position, method: RejoinMethod.UNCHANGED, reason: '', tail: undefined };
}

/** What a repeat of a command that was done is answered. */
function answerOf({ data, tail }: MemberState, header: CommandHeader): RejoinResponse | undefined {
  if (data.status !== 'copied' || data.rejoin === undefined || data.rejoin.epoch !== header.epoch) return undefined;
  const { method, reason } = data.rejoin;
  const position: Position = data.position;
  return {
    ...{ position, reason, tail: tail === null ? undefined : tailOf(tail) },
    method: method === 'rewound' ? RejoinMethod.REWOUND : RejoinMethod.COPIED,
  };
}

function tailOf({
  bytes,
  transactions,
  seconds,
  folder,
}: NonNullable<MemberState['tail']>): NonNullable<RejoinResponse['tail']> {
  return { bytes, transactions, seconds, folder: folder ?? '' };
}

/** Whatever it was before, it is at rest until it is told to follow. */
function marksOf(state: MemberState, { epoch, specRevision }: CommandHeader) {
  const generation = epoch > state.epoch ? 0 : state.generation;
  return { epoch, generation, specRevision, role: null, promise: null };
}

function reasonOf(error: unknown): string {
  return error instanceof DriverError ? error.message : 'The agent failed while it rewound.';
}

/** What is found of a copy that did not come to its end. */
export function brokenOff(): DivergedError {
  return new DivergedError('The copy on the volume was broken off.', { bytes: 0, transactions: 0 });
}

/** Whether its log has gone another way than that of whom it is to follow. */
export async function hasDiverged(driver: Driver): Promise<boolean> {
  return await driver.isFollowing().then(
    () => false,
    (error: unknown) => error instanceof DivergedError,
  );
}

/** Whatever else failed is tried again. @throws DivergedError */
export function unlessDiverged(error: unknown): undefined {
  if (error instanceof DivergedError) throw error;
  return undefined;
}
