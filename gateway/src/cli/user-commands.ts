// `argosy user ...`, `argosy database ...`: of a cluster, beside its first ones.
import type { Command } from 'commander';
import { addChangeOptions, asJson, type ChangeOptions, change, readCluster } from './changes.ts';
import { removeCredentials } from './credentials.ts';
import { UsageError } from './errors.ts';
import { databasesAnswer, type User, userAnswer, usersAnswer } from './resources.ts';
import type { OpenSession, Session } from './session.ts';
import { renderTable } from './tables.ts';

export function addUserCommands(program: Command, open: OpenSession): void {
  const user = program.command('user').description('users of a cluster, beside its administrator');
  user
    .command('list <cluster>')
    .description('every user, with what is granted')
    .action(async (cluster: string, _options, command: Command) => {
      const session = await open(command);
      const answer = await session.client.get(await pathOf(session, cluster, 'users'), usersAnswer);
      session.terminal.out(isJson(command) ? asJson(answer) : renderUsers(answer.users));
    });
  user
    .command('show <cluster> <user>')
    .description('one user')
    .action(async (cluster: string, name: string, _options, command: Command) => {
      const session = await open(command);
      const answer = await session.client.get(await pathOf(session, cluster, 'users', name), userAnswer);
      session.terminal.out(isJson(command) ? asJson(answer) : renderUsers([answer.user]));
    });
  addUserChanges(user, open);
  addDatabaseCommands(program, open);
}

function addUserChanges(user: Command, open: OpenSession): void {
  addChangeOptions(
    user
      .command('create <cluster> <user>')
      .description('a new user; its password is told once, and kept here')
      .option('--grant <database=privilege...>', 'what it may do where (read, write or all)'),
  ).action(async (cluster: string, name: string, options: { grant?: string[] }, command: Command) => {
    const body = { user: { name, grants: (options.grant ?? []).map(readGrant) } };
    const words = { ...command.optsWithGlobals<ChangeOptions>(), done: `User ${name} is being made` };
    await changeUser(await open(command), { cluster, name, method: 'POST', body, parts: [] }, words);
  });
  addChangeOptions(
    user.command('delete <cluster> <user>').description('end its sessions and remove it; what it made stays'),
  ).action(async (cluster: string, name: string, _options, command: Command) => {
    const session = await open(command);
    const words = { ...command.optsWithGlobals<ChangeOptions>(), done: `User ${name} is being removed` };
    const id = await changeUser(session, { cluster, name, method: 'DELETE', parts: [name] }, words);
    if (words.dryRun !== true) removeCredentials(session.credentialsFolder, keptAs(id, name));
  });
  addChangeOptions(
    user.command('grant <cluster> <user> <database> <privilege>').description('read, write or all in a database'),
  ).action(async (cluster: string, name: string, database: string, privilege: string, _options, command: Command) => {
    const words = {
      ...command.optsWithGlobals<ChangeOptions>(),
      done: `User ${name} gets ${privilege} in ${database}`,
    };
    const body = { database, privilege };
    await changeUser(await open(command), { cluster, name, method: 'POST', body, parts: [name, 'grant'] }, words);
  });
  addChangeOptions(
    user.command('revoke <cluster> <user> <database>').description('take away what was granted in a database'),
  ).action(async (cluster: string, name: string, database: string, _options, command: Command) => {
    const words = { ...command.optsWithGlobals<ChangeOptions>(), done: `User ${name} loses ${database}` };
    const request = { cluster, name, method: 'POST', body: { database }, parts: [name, 'revoke'] } as const;
    await changeUser(await open(command), request, words);
  });
  addChangeOptions(user.command('password <cluster> <user>').description('a new password, told once')).action(
    async (cluster: string, name: string, _options, command: Command) => {
      const words = { ...command.optsWithGlobals<ChangeOptions>(), done: `User ${name} gets a new password` };
      const request = { cluster, name, method: 'POST', body: {}, parts: [name, 'password'] } as const;
      await changeUser(await open(command), request, words);
    },
  );
}

function addDatabaseCommands(program: Command, open: OpenSession): void {
  const database = program.command('database').description('databases of a cluster, beside its first');
  database
    .command('list <cluster>')
    .description('every database')
    .action(async (cluster: string, _options, command: Command) => {
      const session = await open(command);
      const answer = await session.client.get(await pathOf(session, cluster, 'databases'), databasesAnswer);
      const rows = answer.databases.map(({ name, status }) => [name, status]);
      const table =
        rows.length === 0 ? 'There are no databases beside the first.' : renderTable(['database', 'status'], rows);
      session.terminal.out(isJson(command) ? asJson(answer) : table);
    });
  addChangeOptions(database.command('create <cluster> <database>').description('a new database')).action(
    async (cluster: string, name: string, _options, command: Command) => {
      const session = await open(command);
      const path = await pathOf(session, cluster, 'databases');
      const words = { ...command.optsWithGlobals<ChangeOptions>(), done: `Database ${name} is being made` };
      await change(session, { method: 'POST', path, body: { database: { name } } }, words);
    },
  );
  addChangeOptions(
    database.command('delete <cluster> <database>').description('remove a database with all that is in it'),
  ).action(async (cluster: string, name: string, _options, command: Command) => {
    const session = await open(command);
    const path = await pathOf(session, cluster, 'databases', name);
    const words = { ...command.optsWithGlobals<ChangeOptions>(), done: `Database ${name} is being removed` };
    await change(session, { method: 'DELETE', path }, words);
  });
}

interface UserRequest {
  readonly cluster: string;
  readonly name: string;
  readonly method: 'POST' | 'DELETE';
  readonly body?: unknown;
  /** Of the path, after `users`. */
  readonly parts: readonly string[];
}

/** Answers the id of the cluster. */
async function changeUser(
  session: Session,
  { cluster: clusterName, name, method, body, parts }: UserRequest,
  words: ChangeOptions & { readonly done: string },
): Promise<string> {
  const { cluster } = await readCluster(session, clusterName);
  const path = `/v2/clusters/${[cluster.id, 'users', ...parts].map(encodeURIComponent).join('/')}`;
  const request = { method, path, ...(body === undefined ? {} : { body }) };
  await change(session, request, { ...words, cluster, keptAs: keptAs(cluster.id, name) });
  return cluster.id;
}

/** Under what a user's password is kept. */
export function keptAs(clusterId: string, user: string): string {
  return `${clusterId}-user-${user}`;
}

async function pathOf(session: Session, name: string, ...parts: string[]): Promise<string> {
  const { cluster } = await readCluster(session, name);
  return `/v2/clusters/${[cluster.id, ...parts].map(encodeURIComponent).join('/')}`;
}

/** @throws UsageError */
function readGrant(text: string): { database: string; privilege: string } {
  const [, database, privilege] = /^([^=]+)=([^=]+)$/.exec(text) ?? [];
  if (database === undefined || privilege === undefined) throw new UsageError(`"${text}" is not DATABASE=PRIVILEGE.`);
  return { database, privilege };
}

function renderUsers(users: readonly User[]): string {
  if (users.length === 0) return 'There are no users beside the administrator.';
  return renderTable(
    ['user', 'granted', 'status'],
    users.map(({ name, grants, status }) => [
      name,
      grants.map(({ database, privilege }) => `${database}: ${privilege}`).join(', '),
      status,
    ]),
  );
}

function isJson(command: Command): boolean {
  return command.optsWithGlobals().json === true;
}
