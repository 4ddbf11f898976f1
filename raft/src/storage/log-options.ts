import type { Disk } from './disk.ts';

/** A segment that has reached this size is not written to any more. */
export const defaultSegmentBytes = 16 * 1024 * 1024;
/** So many zeros are written ahead: a record then changes no length that would have to be synced with it. */
export const defaultPreallocateBytes = 1024 * 1024;

/** `short`: what was written ahead is all that is left. `full`: saves wait until there is room again. */
export type DiskSpace = 'enough' | 'short' | 'full';

export interface DurableLogOptions {
  /** The peer whose log this is. A directory of another peer is refused. */
  readonly id: number;
  readonly directory: string;
  readonly disk: Disk;
  readonly segmentBytes?: number;
  /** Default 1 MiB. */
  readonly preallocateBytes?: number;
  /** Called when the disk fills up or has room again. */
  readonly onSpace?: (space: DiskSpace) => void;
  /** Called once, when the disk failed. The process must end. */
  readonly onFatal: (error: Error) => void;
}
