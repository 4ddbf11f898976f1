// Small disks for the volumes of a local federation's regions, so that one can be filled. As root only.
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Of each region: a few members, and what their logs grow to. */
const DISK = 'size=2g,mode=0711';
const FILLER = '.filler';
/** What is left of a full disk. */
const LEFT_BYTES = 256 * 1024;
const PIECE = Buffer.alloc(4 * 1024 * 1024);

export class SmallDisks {
  /**
   * Mounts one where each region's volumes will be, before there are any. Answers what unmounts them.
   * @throws Error where nothing may be mounted
   */
  mount(home: string, regions: readonly string[]): () => void {
    const folders = regions.map((region) => join(home, 'volumes', region));
    for (const folder of folders) {
      mkdirSync(folder, { recursive: true });
      execFileSync('mount', ['-t', 'tmpfs', '-o', DISK, 'tmpfs', folder]);
    }
    return () => {
      for (const folder of folders) execFileSync('umount', ['--lazy', folder]);
    };
  }

  /** Answers what frees it again. */
  fill(home: string, region: string): () => void {
    const folder = join(home, 'volumes', region);
    const filler = join(folder, FILLER);
    for (let left = leftOf(folder); left > 0; left = leftOf(folder)) {
      writeFileSync(filler, PIECE.subarray(0, Math.min(left, PIECE.length)), { flag: 'a' });
    }
    return () => rmSync(filler, { force: true });
  }
}

function leftOf(folder: string): number {
  const { bavail, bsize } = statfsSync(folder);
  return bavail * bsize - LEFT_BYTES;
}
