// Users of Redis beside the cluster's first, and what stands for a database in what they are granted.
import { type AccountsDefinition, nameProblemIn } from '../accounts.ts';

/** The agent's own user; it comes in by the Unix socket, with a password that never leaves the member. */
export const AGENT_USER = 'argosy';
export const REPLICATION_USER = 'argosy_replication';
export const PRIVILEGES = ['read', 'write', 'all'] as const;

const MAX_USER = 63;
/** Nothing that ends a rule or a selector. */
const PATTERN = /^[A-Za-z0-9_:;.,*?@#/{}[\]^-]+$/;

const problemOfUser = nameProblemIn({
  most: { user: MAX_USER, database: 0 },
  prefixes: ['argosy', 'redis'],
  taken: { user: ['admin', 'default', AGENT_USER, REPLICATION_USER], database: [] },
});

/** Redis has no databases by name: a pattern of keys takes their place. */
export const accounts: AccountsDefinition = {
  appliedBy: 'every_member',
  hasDatabases: false,
  privileges: PRIVILEGES,
  nameProblem: (kind, name) => {
    if (kind === 'user') return problemOfUser(kind, name);
    return PATTERN.test(name)
      ? undefined
      : 'is no pattern of keys, such as orders:*, of letters, digits and _:;.,*?@#/{}[]^-';
  },
};
