// `argosy cluster ...`
import type { Command } from 'commander';
import { renderCluster, renderClusterList } from './cluster-view.ts';
import { connectionUri } from './connection-uri.ts';
import { readCredentials, removeCredentials, storeCredentials } from './credentials.ts';
import { ApiError, CommandError } from './errors.ts';
import { assertDone, DEFAULT_TIMEOUT_SECONDS, followOperation } from './follow.ts';
import { type NewClusterOptions, newClusterBody } from './new-cluster.ts';
import { addPlannedOptions } from './not-there-yet.ts';
import { commaSeparated, seconds, wholeNumber } from './option-values.ts';
import { type ChangeAnswer, type Cluster, changeAnswer, clusterAnswer, clustersAnswer } from './resources.ts';
import type { OpenSession, Session } from './session.ts';

interface ChangeOptions {
  readonly json?: boolean;
  readonly wait?: boolean;
  readonly timeout?: number;
}

const PAGE_SIZE = 100;
const NOT_FOUND = 404;

export function addClusterCommands(program: Command, open: OpenSession): void {
  const cluster = program.command('cluster').description('database clusters');
  addCreate(cluster, open);
  cluster
    .command('list')
    .description('the clusters of your project')
    .option('--status <status>', 'only those with this status')
    .action(async (options: { status?: string }, command: Command) =>
      list(await open(command), options, isJson(command)),
    );
  cluster
    .command('show <name>')
    .description('one cluster with its members')
    .action(async (name: string, _options, command: Command) => show(await open(command), name, isJson(command)));
  addChange(cluster.command('delete <name>').description('remove a cluster, its members and their data')).action(
    async (name: string, _options, command: Command) => remove(await open(command), name, command.optsWithGlobals()),
  );
  cluster
    .command('uri <name>')
    .description('a complete URI for database clients, with the password that is kept here')
    .option('--read-only', 'the URI for reading from replicas')
    .action(async (name: string, options: { readOnly?: boolean }, command: Command) =>
      uri(await open(command), name, options.readOnly === true, isJson(command)),
    );
  addChange(cluster.command('credentials <name>').description('a new password for the administrator')).action(
    async (name: string, _options, command: Command) =>
      renewCredentials(await open(command), name, command.optsWithGlobals()),
  );
}

function addCreate(cluster: Command, open: OpenSession): void {
  const create = cluster
    .command('create <name>')
    .description('build a cluster')
    .requiredOption('--datastore <type>', 'the engine, such as postgresql')
    .option('--version <version>', "the engine's version")
    .option('--voters <count>', 'members whose acknowledgement counts', wholeNumber)
    .option('--replicas <count>', 'further copies', wholeNumber)
    .option('--survive <what>', 'what may be lost without harm: host, zone, region or provider')
    .option('--regions <names>', 'only in these regions (a,b,c)', commaSeparated)
    .option('--residency <places>', 'only where these jurisdictions rule (EU)', commaSeparated)
    .option('--flavor <name>', 'the size of a member')
    .option('--volume <gib>', 'the size of a volume in GiB', wholeNumber)
    .option('--durability <mode>', 'quorum or async')
    .option('--rpo <seconds>', 'how much an async cluster may lose', seconds);
  addChange(create).action(async (name: string, options: NewClusterOptions & ChangeOptions, command: Command) => {
    const session = await open(command);
    const answer = await session.client.post('/v2/clusters', newClusterBody(name, options), changeAnswer);
    await finishChange(session, answer, { ...command.optsWithGlobals(), done: `Cluster ${name} is being built` });
  });
}

function addChange(command: Command): Command {
  command
    .option('--wait', 'wait until it is done, and show the steps')
    .option('--timeout <seconds>', 'how long to wait', seconds, DEFAULT_TIMEOUT_SECONDS);
  return addPlannedOptions(command);
}

async function list(session: Session, options: { status?: string }, json: boolean): Promise<void> {
  const clusters: Cluster[] = [];
  const filter = options.status === undefined ? '' : `&status=${encodeURIComponent(options.status)}`;
  for (let marker = ''; ; ) {
    const page = await session.client.get(`/v2/clusters?limit=${PAGE_SIZE}${filter}${marker}`, clustersAnswer);
    clusters.push(...page.clusters);
    const last = page.clusters.at(-1);
    if (last === undefined || !page.links.some((link) => link.rel === 'next')) break;
    marker = `&marker=${encodeURIComponent(last.id)}`;
  }
  session.terminal.out(json ? asJson({ clusters }) : renderClusterList(clusters, session.clock.now()));
}

async function show(session: Session, name: string, json: boolean): Promise<void> {
  const answer = await readCluster(session, name);
  session.terminal.out(json ? asJson(answer) : renderCluster(answer.cluster));
}

async function remove(session: Session, name: string, options: ChangeOptions): Promise<void> {
  const { cluster } = await readCluster(session, name);
  const answer = await session.client.delete(`/v2/clusters/${encodeURIComponent(cluster.id)}`, changeAnswer);
  await finishChange(
    session,
    { cluster, ...answer },
    { ...options, done: `Cluster ${name} is being removed`, isRemoval: true },
  );
  removeCredentials(session.credentialsFolder, cluster.id);
}

async function uri(session: Session, name: string, isReadOnly: boolean, json: boolean): Promise<void> {
  const { cluster } = await readCluster(session, name);
  const endpoint = isReadOnly ? cluster.endpoints?.read_only : cluster.endpoints?.read_write;
  if (endpoint === undefined || endpoint === null || endpoint === '') {
    throw new CommandError(`Cluster ${name} (${cluster.status}) has no endpoint yet.`);
  }
  const credentials = readCredentials(session.credentialsFolder, cluster.id);
  if (credentials === undefined) {
    throw new CommandError(
      `The password of cluster ${name} is not kept here (${session.credentialsFolder}); "argosy cluster credentials ${name}" makes a new one.`,
    );
  }
  const text = connectionUri(endpoint, credentials, session.caFile);
  session.terminal.out(json ? asJson({ uri: text }) : text);
}

async function renewCredentials(session: Session, name: string, options: ChangeOptions): Promise<void> {
  const { cluster } = await readCluster(session, name);
  const path = `/v2/clusters/${encodeURIComponent(cluster.id)}/credentials`;
  const answer = await session.client.post(path, {}, changeAnswer);
  await finishChange(session, { cluster, ...answer }, { ...options, done: `Cluster ${name} gets a new password` });
}

/** Keeps the password, follows the operation when that is wanted, and says how things stand. */
async function finishChange(
  session: Session,
  answer: ChangeAnswer,
  options: ChangeOptions & { readonly done: string; readonly isRemoval?: boolean },
): Promise<void> {
  const { terminal, client, clock } = session;
  const { cluster, operation, credentials } = answer;
  const isJson = options.json === true;
  if (credentials !== undefined && cluster !== undefined) {
    // Kept before anything else: the gateway tells it only once.
    const path = storeCredentials(session.credentialsFolder, cluster.id, credentials);
    if (!isJson) terminal.out(`User ${credentials.username}, password ${credentials.password} (kept in ${path})`);
  }
  if (options.wait !== true || operation === undefined) {
    const follow = operation === undefined ? '' : `: operation ${operation.id}`;
    terminal.out(isJson ? asJson(answer) : `${options.done}${follow}`);
    return;
  }

  const ended = await followOperation(operation.id, {
    client,
    clock,
    terminal: isJson ? undefined : terminal,
    timeoutSeconds: options.timeout,
  });
  const now = options.isRemoval || cluster === undefined ? undefined : await tryReadCluster(session, cluster.id);
  if (isJson) terminal.out(asJson({ ...answer, ...(now === undefined ? {} : { cluster: now }), operation: ended }));
  assertDone(ended);
  if (!isJson) terminal.out(now === undefined ? `Operation ${ended.id} is done.` : renderCluster(now));
}

function readCluster(session: Session, name: string): Promise<{ cluster: Cluster }> {
  return session.client.get(`/v2/clusters/${encodeURIComponent(name)}`, clusterAnswer);
}

async function tryReadCluster(session: Session, id: string): Promise<Cluster | undefined> {
  try {
    return (await readCluster(session, id)).cluster;
  } catch (error) {
    if (error instanceof ApiError && error.status === NOT_FOUND) return undefined;
    throw error;
  }
}

function isJson(command: Command): boolean {
  return command.optsWithGlobals().json === true;
}

function asJson(value: unknown): string {
  return JSON.stringify(value, undefined, 2);
}
