// Users and databases that a tenant makes beside the cluster's first ones. What is wished is told whole, and what shall be
// gone is named: what is merely not mentioned is left alone, so that an old list destroys nothing. Pure.

export type AccountKind = 'user' | 'database';

/** What a user may do in a database. */
export interface Grant {
  readonly database: string;
  /** One of the definition's. */
  readonly privilege: string;
}

export interface UserAccount {
  readonly name: string;
  /** What the engine keeps of the password. */
  readonly verifier: string;
  readonly grants: readonly Grant[];
}

export interface DatabaseAccount {
  readonly name: string;
}

export interface Accounts {
  /** Raised by every change of them. */
  readonly generation: number;
  readonly users: readonly UserAccount[];
  readonly databases: readonly DatabaseAccount[];
  /** Names of what shall be gone. */
  readonly gone: { readonly users: readonly string[]; readonly databases: readonly string[] };
}

export const NO_ACCOUNTS: Accounts = { generation: 0, users: [], databases: [], gone: { users: [], databases: [] } };

/** What is known of an engine's users and databases. Every function is pure. */
export interface AccountsDefinition {
  /** Who is told: the primary, whose data the others copy; or every member, for each keeps its own. */
  readonly appliedBy: 'primary' | 'every_member';
  /** False where the engine knows no databases by name. */
  readonly hasDatabases: boolean;
  /** What can be granted, the least first. */
  readonly privileges: readonly string[];
  /** Why a name cannot be had, in a phrase after it; undefined when it can. */
  nameProblem(kind: AccountKind, name: string): string | undefined;
}

/** What names of users and databases an engine's own may not be mistaken for. */
export interface NameLimits {
  readonly most: Readonly<Record<AccountKind, number>>;
  /** How no name begins, in the order in which they are told. */
  readonly prefixes: readonly [string, string];
  readonly taken: Readonly<Record<AccountKind, readonly string[]>>;
}

/** Names that need no quotes but for a hyphen. */
export function nameProblemIn({ most, prefixes, taken }: NameLimits): AccountsDefinition['nameProblem'] {
  return (kind, name) => {
    if (!/^[a-z_][a-z0-9_-]*$/.test(name)) {
      return 'must start with a small letter or "_" and hold only small letters, digits, "_" and "-"';
    }
    if (name.length > most[kind]) return `must have at most ${most[kind]} characters`;
    const [first, second] = prefixes;
    if (name.startsWith(first) || name.startsWith(second)) return `must not begin with "${first}" or "${second}"`;
    return taken[kind].includes(name) ? 'is taken by the engine or by the cluster itself' : undefined;
  };
}
