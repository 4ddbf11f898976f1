// What is known of a database engine without asking a running one: data and pure functions. The gateway plans with it,
// an executor renders with it, a test compares it. What talks to the server is the driver.

import type { AccountsDefinition } from './accounts.ts';
import type { ParameterDefinition } from './parameters.ts';

/** How far a member's log reaches: compared by epoch first, then by the engine's own order of `value`. */
export interface Position {
  readonly epoch: number;
  readonly value: string;
}

/**
 * Who has a commit before it is acknowledged: a quorum of members, the primary alone while it holds a lease (its clients
 * come in through the door then), or what the engine decides.
 */
export type CommitMode = 'quorum' | 'async' | 'engine';

/** Where a member's database is dialled. */
export interface DatabaseAddress {
  readonly address: string;
  readonly port: number;
}

/** The URIs that reach a cluster, whoever is its primary. */
export interface Endpoints {
  /** Reaches the member that takes writes. */
  readonly readWrite: string;
  /** Reaches a replica, or the primary when there is none. */
  readonly readOnly: string;
}

/** Who connects, and what a complete URI says beside the addresses. */
export interface UriOptions {
  readonly user: string;
  readonly password: string;
  /** In place of the endpoint's own. */
  readonly database: string | undefined;
  /** The file with the certificate that the client trusts, on the client's machine; undefined: the client knows. */
  readonly rootCertificateFile: string | undefined;
}

/** A datastore that Argosy supports. Every function is pure. */
export interface DatastoreDefinition extends EngineDefinition {
  /** What is different in clusters whose engine rules itself, where there are others too; `mode` is how they are asked for. */
  readonly ruled?: Partial<Omit<EngineDefinition, 'name' | 'commitModes'>> & { readonly mode: string };
}

export interface EngineDefinition {
  readonly name: string;
  /** Only what the suite runs against the real server. */
  readonly versions: readonly string[];
  readonly defaultVersion: string;
  readonly port: number;
  /** Where the members' servers dial each other, when that is by other ports; absent: by the same. */
  readonly peerPorts?: readonly number[];
  /** Where every member tells clients who leads, as the engine's own service of discovery does; absent: nowhere. */
  readonly discoveryPort?: number;
  readonly commitModes: readonly CommitMode[];
  /** How many members with data a cluster may have. */
  readonly members: { readonly min: number; readonly max: number };
  /** Where more voters than these would make no sense, with the reason in a phrase; absent: nowhere. */
  readonly mostVoters?: { readonly count: number; readonly reason: string } | undefined;
  /** The tenant's first user and database. */
  readonly admin: { readonly user: string; readonly database: string };
  readonly parameters: Readonly<Record<string, ParameterDefinition>>;
  /** Settings that a tenant may not touch, each with the reason in a sentence. */
  readonly reserved?: Readonly<Record<string, string>>;
  /** The users and databases that a tenant can make beside the first ones; absent: none. */
  readonly accounts?: AccountsDefinition;
  /** Why the first user keeps the password that it was made with, in a sentence; absent: it can have another. */
  readonly fixedPassword?: string;
  /** Where the engine rules itself: members that have all stopped come back only when one of them begins anew. */
  readonly isRefounded?: true;
  /** Where the engine rules itself: it knows members that vote and hold no data. */
  readonly hasArbiters?: true;
  /** How many other voters have a commit before it is acknowledged, in a cluster of so many voters. */
  acknowledgements(voters: number): number;
  /** Negative when `left` is behind `right`, 0 when they are equal, positive when it is ahead. */
  comparePositions(left: Position, right: Position): number;
  /** What the server keeps of a password, so that nobody else need to. `salt` is 16 random bytes. */
  passwordVerifier(password: string, salt: Uint8Array): string;
  endpoints(members: readonly DatabaseAddress[]): Endpoints;
  /** Of a gate, which leads to whoever is the primary. */
  localEndpoint(gate: DatabaseAddress): string;
  /**
   * An endpoint with what a client needs to connect, password included: it is a secret. Undefined when the endpoint is
   * not of this engine's.
   */
  completeUri(endpoint: string, options: UriOptions): string | undefined;
}

/** How clusters are asked for whose primary Argosy elects, and those whose engine rules itself. */
const MODES = { elected: 'primary_and_replicas', ruled: 'engine_ruled' } as const;

/** What `topology.mode` can say. */
export function topologyModes({ commitModes, ruled }: DatastoreDefinition): readonly string[] {
  return [
    ...(commitModes.some((mode) => mode !== 'engine') ? [MODES.elected] : []),
    ...(commitModes.includes('engine') ? [ruled?.mode ?? MODES.ruled] : []),
  ];
}

/** True of the mode in which the engine rules itself. */
export function isRuledMode({ ruled }: DatastoreDefinition, mode: string): boolean {
  return mode === (ruled?.mode ?? MODES.ruled);
}

/** What is true of the clusters that commit in this way. */
export function definitionFor(definition: DatastoreDefinition, mode: CommitMode): DatastoreDefinition {
  return mode === 'engine' && definition.ruled !== undefined ? { ...definition, ...definition.ruled } : definition;
}
