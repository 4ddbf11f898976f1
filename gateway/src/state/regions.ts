// A region as it was last heard of; and which regions there are, beside those of the gateway's configuration.

export interface Zone {
  readonly name: string;
  readonly freeMembers: number;
}

export interface Flavor {
  readonly name: string;
  readonly vcpus: number;
  readonly memoryMib: number;
  /** Of a member an hour, in thousandths of the federation's currency. Absent: nothing, or not known. */
  readonly costMilli?: number;
}

export interface Region {
  readonly name: string;
  readonly provider: string;
  readonly jurisdiction: string;
  readonly status: 'UP' | 'UNREACHABLE';
  /** Why it is unreachable. */
  readonly detail?: string;
  readonly zones: readonly Zone[];
  readonly flavors: readonly Flavor[];
  readonly updatedAt: string;
  /** No new member is placed there. Absent: no. */
  readonly isDrained?: boolean;
}

/** How the leader reaches a region. */
export interface LedRegion {
  readonly name: string;
  /** `address:port` of each executor. */
  readonly executors: readonly string[];
}

/** A region that joined the running federation. */
export interface JoinedRegion extends LedRegion {
  /** The URL of its Keystone, when tokens of it are good here. */
  readonly keystone?: string;
}
