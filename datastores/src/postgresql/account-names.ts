// What users and databases of PostgreSQL may be called, and the roles that stand for what is granted in a database.
import { type AccountKind, type AccountsDefinition, nameProblemIn } from '../accounts.ts';

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
  nameProblem: nameProblemIn({
    most: { user: MAX_USER, database: MAX_DATABASE },
    prefixes: ['pg_', 'argosy'],
    taken: TAKEN,
  }),
};

/** The role that has a privilege in a database. Who may write may read, and who has all owns what is in it. */
export function groupRole(privilege: string, database: string): string {
  return `argosy_${privilege}_${database}`;
}
