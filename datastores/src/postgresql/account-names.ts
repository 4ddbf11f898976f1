// What users and databases of PostgreSQL may be called, and the roles that stand for what is granted in a database.
import type { AccountKind, AccountsDefinition } from '../accounts.ts';

/** The group role's prefix and the database's name together fit into NAMEDATALEN (64, less the closing zero). */
const MAX_DATABASE = 40;
const MAX_USER = 63;
/** PostgreSQL's own roles and databases, and words that stand for roles in its statements. */
const TAKEN: Readonly<Record<AccountKind, readonly string[]>> = {
  user: ['admin', 'postgres', 'public', 'none', 'current_user', 'session_user', 'current_role', 'user', 'replication'],
  database: ['admin', 'postgres', 'template0', 'template1', 'replication', 'all', 'sameuser', 'samerole'],
};

export const accounts: AccountsDefinition = {
  appliedBy: 'primary',
  hasDatabases: true,
  privileges: ['read', 'write', 'all'],
  nameProblem: (kind, name) => {
    const most = kind === 'user' ? MAX_USER : MAX_DATABASE;
    if (!/^[a-z_][a-z0-9_-]*$/.test(name)) {
      return 'must start with a small letter or "_" and hold only small letters, digits, "_" and "-"';
    }
    if (name.length > most) return `must have at most ${most} characters`;
    if (/^(pg_|argosy)/.test(name)) return 'must not begin with "pg_" or "argosy"';
    return TAKEN[kind].includes(name) ? 'is taken by the engine or by the cluster itself' : undefined;
  },
};

/** The role that has a privilege in a database. Who may write may read, and who has all owns what is in it. */
export function groupRole(privilege: string, database: string): string {
  return `argosy_${privilege}_${database}`;
}
