// What users and databases of MariaDB may be called, and what can be granted.
import type { AccountKind, AccountsDefinition } from '../accounts.ts';

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
  nameProblem: (kind, name) => {
    const most = kind === 'user' ? MAX_USER : MAX_DATABASE;
    if (!/^[a-z_][a-z0-9_-]*$/.test(name)) {
      return 'must start with a small letter or "_" and hold only small letters, digits, "_" and "-"';
    }
    if (name.length > most) return `must have at most ${most} characters`;
    if (/^(argosy|mariadb)/.test(name)) return 'must not begin with "argosy" or "mariadb"';
    return TAKEN[kind].includes(name) ? 'is taken by the engine or by the cluster itself' : undefined;
  },
};

const READ = ['select', 'show view'];
const WRITE = [...READ, 'insert', 'update', 'delete', 'execute', 'lock tables', 'create temporary tables'];

/** What the server is told to grant. Who may write may read, and who has all may do anything inside the database. */
export function serverPrivileges(privilege: string): string {
  return privilege === 'all' ? 'all privileges' : (privilege === 'write' ? WRITE : READ).join(', ');
}
