// What a tenant wants of a cluster, and where its members shall be.

/** The loss of any one of these leaves a majority of voters and a copy of every acknowledged write. */
export type Survive = 'host' | 'zone' | 'region' | 'provider';

export type MemberKind = 'voter' | 'replica' | 'arbiter';

/** Values by name, and a number that every change of them raises, also one that takes back another. */
export interface ParameterSet {
  readonly generation: number;
  readonly values: Readonly<Record<string, string>>;
}

export interface ClusterSpec {
  readonly datastore: { readonly type: string; readonly version: string };
  readonly flavor: string;
  /** In GiB. */
  readonly volume: { readonly size: number };
  readonly topology: {
    readonly voters: number;
    readonly replicas: number;
    readonly arbiters: number;
    /** As it was asked for, where the datastore knows several; what follows from it is in `durability.mode`. */
    readonly mode?: string | undefined;
  };
  readonly placement: {
    readonly survive: Survive;
    /** Empty: every region. */
    readonly regions: readonly string[];
    /** Jurisdictions that data may be in. Empty: everywhere. */
    readonly residency: readonly string[];
  };
  readonly durability: {
    /** `engine`: the engine has a quorum of its own, and says itself what is acknowledged. */
    readonly mode: 'quorum' | 'async' | 'engine';
    /** Of `quorum`. With too few voters left: commits wait, or the survivors go on with fewer copies. Absent: `refuse`. */
    readonly on_loss?: 'refuse' | 'degrade' | undefined;
    /** Of `async`: nothing is acknowledged while what too few voters have confirmed is older. */
    readonly rpo_seconds?: number | undefined;
    /** Of `async`. With no voter left to confirm: writes wait, or go on with no bound on what is lost. Absent: `refuse`. */
    readonly on_replica_loss?: 'refuse' | 'expose' | undefined;
  };
  /** Absent: none was ever set. */
  readonly parameters?: ParameterSet;
}

/**
 * True when the loss of places may leave fewer voters than a commit by quorum needs. Where the engine rules itself, it goes
 * on with a majority of the votes, and an arbiter has one.
 */
export function goesOnWithFewer({ topology, durability }: Pick<ClusterSpec, 'topology' | 'durability'>): boolean {
  if (durability.mode === 'engine') return topology.arbiters > 0;
  return durability.on_loss === 'degrade' || durability.mode === 'async';
}

/** Where a member can be placed. */
export interface Site {
  readonly region: string;
  readonly zone: string;
}

/** A member that is wished for. Ordinals come from a committed counter and never return. */
export interface WantedMember extends Site {
  readonly ordinal: number;
  readonly kind: MemberKind;
}
