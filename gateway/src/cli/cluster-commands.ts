// `argosy cluster ...`
import type { Command } from 'commander';
import { addChangeOptions, asJson, type ChangeOptions, change, readCluster } from './changes.ts';
import { renderCluster, renderClusterList } from './cluster-view.ts';
import { connectionUri } from './connection-uri.ts';
import { readCredentials, removeCredentials } from './credentials.ts';
import { CommandError, UsageError } from './errors.ts';
import { type NewClusterOptions, newClusterBody } from './new-cluster.ts';
import { commaSeparated, seconds, wholeNumber } from './option-values.ts';
import { type Cluster, clustersAnswer } from './resources.ts';
import type { OpenSession, Session } from './session.ts';
import { keptAs } from './user-commands.ts';

const PAGE_SIZE = 100;

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
  addChangeOptions(cluster.command('delete <name>').description('remove a cluster, its members and their data')).action(
    async (name: string, _options, command: Command) => remove(await open(command), name, command.optsWithGlobals()),
  );
  cluster
    .command('uri <name>')
    .description('a complete URI for database clients, with the password that is kept here')
    .option('--read-only', 'the URI for reading from replicas')
    .option('--user <name>', 'as this user, whose password is kept here; else the administrator')
    .option('--database <name>', 'in this database')
    .option('--region <name>', 'through one address there, which leads to whoever is the primary')
    .action(async (name: string, options: UriOptions, command: Command) =>
      uri(await open(command), name, options, isJson(command)),
    );
  addChangeOptions(cluster.command('credentials <name>').description('a new password for the administrator')).action(
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
    .option('--topology <mode>', 'who is primary, of those that `datastore show` names')
    .option('--voters <count>', 'members whose acknowledgement counts', wholeNumber)
    .option('--replicas <count>', 'further copies', wholeNumber)
    .option(
      '--arbiters <count>',
      'members that vote and hold no data (0 or 1, beside an even number of voters)',
      wholeNumber,
    )
    .option('--survive <what>', 'what may be lost without harm: host, zone, region or provider')
    .option('--regions <names>', 'only in these regions (a,b,c)', commaSeparated)
    .option('--residency <places>', 'only where these jurisdictions rule (EU)', commaSeparated)
    .option('--flavor <name>', 'the size of a member')
    .option('--volume <gib>', 'the size of a volume in GiB', wholeNumber)
    .option('--durability <mode>', 'quorum, async or engine (the engine has its own)')
    .option('--on-loss <what>', 'with too few voters left: refuse commits, or degrade to fewer copies')
    .option('--rpo <seconds>', 'how much an async cluster may lose', seconds)
    .option('--on-replica-loss <what>', 'with no replica left: an async cluster refuses writes, or is exposed');
  addChangeOptions(create).action(
    async (name: string, options: NewClusterOptions & ChangeOptions, command: Command) => {
      const session = await open(command);
      const request = { method: 'POST', path: '/v2/clusters', body: newClusterBody(name, options) } as const;
      await change(session, request, { ...command.optsWithGlobals(), done: `Cluster ${name} is being built` });
    },
  );
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
  const request = { method: 'DELETE', path: `/v2/clusters/${encodeURIComponent(cluster.id)}` } as const;
  await change(session, request, { ...options, cluster, done: `Cluster ${name} is being removed`, isRemoval: true });
  if (options.dryRun !== true) removeCredentials(session.credentialsFolder, cluster.id);
}

interface UriOptions {
  readonly readOnly?: boolean;
  readonly region?: string;
  readonly user?: string;
  readonly database?: string;
}

async function uri(session: Session, name: string, options: UriOptions, json: boolean): Promise<void> {
  const { cluster } = await readCluster(session, name);
  const { read_only: readOnly, read_write: readWrite, local } = cluster.endpoints ?? {};
  const { region } = options;
  if (region !== undefined && options.readOnly === true) {
    throw new UsageError('An address of a region leads to the primary: --region and --read-only exclude each other.');
  }
  const endpoint = region === undefined ? (options.readOnly === true ? readOnly : readWrite) : local?.[region];
  if (endpoint === undefined || endpoint === null || endpoint === '') {
    const where = region === undefined ? ' yet' : ` in ${region}`;
    throw new CommandError(`Cluster ${name} (${cluster.status}) has no endpoint${where}.`);
  }
  const { user, database } = options;
  const kept = readCredentials(session.credentialsFolder, user === undefined ? cluster.id : keptAs(cluster.id, user));
  if (kept === undefined && user !== undefined) {
    throw new CommandError(
      `The password of user ${user} is not kept here (${session.credentialsFolder}); "argosy user password ${name} ${user}" makes a new one.`,
    );
  }
  const credentials = kept && { ...kept, ...(database === undefined ? {} : { database }) };
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
  const request = { method: 'POST', path, body: {} } as const;
  await change(session, request, { ...options, cluster, done: `Cluster ${name} gets a new password` });
}

function isJson(command: Command): boolean {
  return command.optsWithGlobals().json === true;
}
