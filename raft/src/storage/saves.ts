// What waits to be written, and how several become one frame.
import type { FrameContent } from './record.ts';

export interface Save extends FrameContent {
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** Later saves win: entries replace those from the first one's index on, as they would on reading back. */
export function mergeSaves(saves: readonly Save[]): FrameContent {
  const reset = saves[0]?.reset;
  const hardState = saves.findLast((save) => save.hardState !== undefined)?.hardState;
  return {
    ...(reset === undefined ? {} : { reset }),
    ...(hardState === undefined ? {} : { hardState }),
    entries: saves.flatMap((save) => save.entries),
  };
}
