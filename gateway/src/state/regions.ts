// A region as it was last heard of.

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
}
