// What the agent asks of an engine that rules itself: it elects and commits by a majority of its own, and a member is never
// told what it is. It is taken in, and it is taken out.
import type { Position } from './definition.ts';
import type { Admin, ServerDriver, Upstream } from './driver.ts';

/** One member's server. Calls that change something are made one at a time; `probe` and `isServing` may run beside them. */
export interface RuledDriver extends ServerDriver {
  /** Keeps a server that already runs, or sees that none does. True when one runs. */
  recover(): Promise<boolean>;
  /** Makes the data of a cluster of which this member is the only one, at rest; what was there before is gone. */
  found(admin: Admin): Promise<void>;
  /**
   * Has the engine take this member in as one that has nothing; what was there before is gone, and what the engine knew
   * of it, too. Its server may have been started, and has no vote yet. Nothing is begun once `signal` is aborted: the cluster may
   * have gone on without it. @throws DriverError `unavailable` while no peer takes it in
   */
  enter(peers: readonly Upstream[], signal: AbortSignal): Promise<void>;
  /** Whether the engine counts this member among its own. @throws DriverError `unavailable` while no peer can tell */
  isCounted(peers: readonly Upstream[]): Promise<boolean>;
  /** Starts the server from its own data, unless it runs; it may have no majority yet. */
  start(): Promise<void>;
  /** True when the member has its vote, given now if need be, and answers with a majority behind it. */
  isServing(peers: readonly Upstream[]): Promise<boolean>;
  /** Has the engine count another member no more; one that it does not know is no error. @throws DriverError `refused` */
  dismiss(leaver: Upstream): Promise<void>;
  /**
   * Of a member whose server does not run: how far its data reach; undefined when they reach nowhere. It does not go back
   * to the others by itself any more. Absent where all members come back from their own data, whatever happened.
   */
  recovered?(): Promise<Position | undefined>;
  /** Begins a group of its own from its own data: nobody has more, and nobody else has begun one. */
  refound?(): Promise<void>;
}
