// For simulators of what is built upon raft-ts: time, chance and disks that depend on a seed alone, the record of what
// happened, and the way in which bugs are planted.
export { applyEdit, type Edit } from './mutation-loader.ts';
export { Random } from './random.ts';
export { type DiskHabits, SimulatedDisk } from './simulated-disk.ts';
export { breathe, type Scheduled, Timeline } from './timeline.ts';
export { Trace } from './trace.ts';
