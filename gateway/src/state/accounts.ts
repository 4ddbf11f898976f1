// What is wished of users and databases, and how one wish takes the place of another. What was wished and is wished no
// more is named as gone until every member that keeps it has been told.
import { type Accounts, datastores, type Grant, NO_ACCOUNTS, type UserAccount } from '@argosy/datastores';
import { type Cluster, isEngineRuled, isPresent, type Member, memberOf, wantedMembers } from './clusters.ts';

export function accountsOf({ accounts }: Pick<Cluster, 'accounts'>): Accounts {
  return accounts ?? NO_ACCOUNTS;
}

/** With this user in place of one of the same name. */
export function withUser(accounts: Accounts, user: UserAccount): Accounts {
  const others = accounts.users.filter(({ name }) => name !== user.name);
  return changed(accounts, { users: [...others, user].sort(byName) });
}

export function withoutUser(accounts: Accounts, name: string): Accounts {
  return changed(accounts, { users: accounts.users.filter((user) => user.name !== name) });
}

export function withDatabase(accounts: Accounts, name: string): Accounts {
  return changed(accounts, { databases: [...accounts.databases, { name }].sort(byName) });
}

/** What was granted in it goes with it. */
export function withoutDatabase(accounts: Accounts, name: string): Accounts {
  return changed(accounts, {
    databases: accounts.databases.filter((database) => database.name !== name),
    users: accounts.users.map((user) => ({ ...user, grants: withoutGrant(user.grants, name) })),
  });
}

export function withGrant(grants: readonly Grant[], grant: Grant): readonly Grant[] {
  return [...withoutGrant(grants, grant.database), grant].sort((left, right) =>
    left.database < right.database ? -1 : 1,
  );
}

export function withoutGrant(grants: readonly Grant[], database: string): readonly Grant[] {
  return grants.filter((grant) => grant.database !== database);
}

/** What was wished before is wished again, under a number that is new. */
export function backTo(before: Accounts | undefined, current: Accounts | undefined): Accounts | undefined {
  if (current === undefined || before?.generation === current.generation) return current;
  const { users, databases } = before ?? NO_ACCOUNTS;
  return changed(current, { users, databases });
}

/** Those that must be told: the primary alone where the others copy it, any one where the engine copies all of them. */
export function keepersOf(cluster: Cluster): readonly Member[] {
  const appliedBy = datastores.find(cluster.spec.datastore.type)?.accounts?.appliedBy;
  if (appliedBy === 'every_member') return wantedMembers(cluster).filter(({ kind }) => kind !== 'arbiter');
  if (isEngineRuled(cluster)) {
    const members = wantedMembers(cluster).filter(({ facts, kind }) => facts.role !== undefined && kind !== 'arbiter');
    const isTold = ({ facts }: Member): boolean => facts.accountsGeneration === accountsOf(cluster).generation;
    return [members.find(isTold) ?? members.find(({ facts }) => facts.isUp === true) ?? []].flat();
  }
  const primary = memberOf(cluster, cluster.primary);
  return primary === undefined ? [] : [primary];
}

/** Those of them that have not been told, and can be. */
export function untoldKeepers(cluster: Cluster): readonly Member[] {
  const { generation } = accountsOf(cluster);
  return keepersOf(cluster).filter(
    (member) => isPresent(member) && (member.facts.accountsGeneration ?? 0) !== generation,
  );
}

/** Once all have been told what shall be gone, it is, and need not be named any more. */
export function withoutGone(cluster: Cluster): Cluster {
  const { accounts } = cluster;
  if (accounts === undefined || accounts.gone.users.length + accounts.gone.databases.length === 0) return cluster;
  const isTold = keepersOf(cluster).every(({ facts }) => facts.accountsGeneration === accounts.generation);
  return isTold ? { ...cluster, accounts: { ...accounts, gone: NO_ACCOUNTS.gone } } : cluster;
}

function changed(current: Accounts, change: Partial<Pick<Accounts, 'users' | 'databases'>>): Accounts {
  const next = { ...current, ...change };
  return {
    ...next,
    generation: current.generation + 1,
    gone: {
      users: gone(current.gone.users, current.users, next.users),
      databases: gone(current.gone.databases, current.databases, next.databases),
    },
  };
}

function gone(known: readonly string[], before: readonly Named[], after: readonly Named[]): string[] {
  const names = new Set([...known, ...before.map(({ name }) => name)]);
  for (const { name } of after) names.delete(name);
  return [...names].sort();
}

interface Named {
  readonly name: string;
}

function byName(left: Named, right: Named): number {
  return left.name < right.name ? -1 : 1;
}
