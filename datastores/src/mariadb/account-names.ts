// What users and databases of MariaDB may be called, and what can be granted.
import { type AccountKind, type AccountsDefinition, nameProblemIn } from '../accounts.ts';

const MAX_DATABASE = 64;
/** The server takes 128; this fits beside a host's name in what clients show. */
const MAX_USER = 80;
/** MariaDB's own accounts and databases, and those of the cluster. */
const TAKEN: Readonly<Record<AccountKind, readonly string[]>> = {
  user: ['admin', 'root', 'mysql', 'public', 'current_user', 'current_role', 'default'],
  database: ['admin', 'mysql', 'sys', 'information_schema', 'performance_schema', 'test'],
};

export const accounts: AccountsDefinition = {
  appliedBy: 'primary',
  hasDatabases: true,
  privileges: ['read', 'write', 'all'],
  nameProblem: nameProblemIn({
    most: { user: MAX_USER, database: MAX_DATABASE },
    prefixes: ['argosy', 'mariadb'],
    taken: TAKEN,
  }),
};

const READ = ['select', 'show view'];
const WRITE = [...READ, 'insert', 'update', 'delete', 'execute', 'lock tables', 'create temporary tables'];

/** What the server is told to grant. Who may write may read, and who has all may do anything inside the database. */
export function serverPrivileges(privilege: string): string {
  return privilege === 'all' ? 'all privileges' : (privilege === 'write' ? WRITE : READ).join(', ');
}
