// `argosy cluster grow | shrink | resize | set | switchover | failover`: changes of a cluster that is there.
import type { Command } from 'commander';
import { addChangeOptions, type ChangeOptions, change, readCluster } from './changes.ts';
import { UsageError } from './errors.ts';
import { given, section } from './new-cluster.ts';
import { commaSeparated, wholeNumber } from './option-values.ts';
import type { OpenSession, Session } from './session.ts';

interface WishOptions extends ChangeOptions {
  readonly voters?: number;
  readonly replicas?: number;
  readonly arbiters?: number;
  readonly flavor?: string;
  readonly volume?: number;
  readonly survive?: string;
  readonly regions?: readonly string[];
  readonly residency?: readonly string[];
}

export function addClusterChangeCommands(program: Command, open: OpenSession): void {
  const cluster = program.commands.find((command) => command.name() === 'cluster');
  if (cluster === undefined) throw new Error('The cluster commands come first.');
  const patch = (command: Command, done: string): Command =>
    addChangeOptions(command).action(async (name: string, options: WishOptions, used: Command) =>
      update(await open(used), name, { ...used.optsWithGlobals<WishOptions>(), ...options }, done),
    );
  const counts = (command: Command): Command =>
    command
      .option('--voters <count>', 'members whose acknowledgement counts, in all', wholeNumber)
      .option('--replicas <count>', 'further copies, in all', wholeNumber)
      .option('--arbiters <count>', 'members that vote and hold no data, in all', wholeNumber);

  patch(counts(cluster.command('grow <name>').description('more members: they copy first, then they count')), 'grows');
  patch(
    counts(cluster.command('shrink <name>').description('fewer members; the primary stays where it is')),
    'shrinks',
  );
  patch(
    cluster
      .command('resize <name>')
      .description('another flavor, one member after the other; a larger volume')
      .option('--flavor <name>', 'the size of a member')
      .option('--volume <gib>', 'the size of a volume in GiB; it cannot shrink', wholeNumber),
    'is resized',
  );
  patch(
    cluster
      .command('set <name>')
      .description('other wishes about where members are; those that must move do')
      .option('--survive <what>', 'what may be lost without harm: host, zone, region or provider')
      .option('--regions <names>', 'only in these regions (a,b,c)', commaSeparated)
      .option('--residency <places>', 'only where these jurisdictions rule (EU)', commaSeparated),
    'is changed',
  );
  addChangeOptions(
    cluster
      .command('replace <name>')
      .description('make another member in the place of one that is lost')
      .requiredOption('--member <member>', 'the lost one, by id or name'),
  ).action(async (name: string, options: ChangeOptions & { member: string }, used: Command) =>
    replace(await open(used), name, { ...used.optsWithGlobals<ChangeOptions>(), ...options }),
  );
  addChangeOptions(
    cluster
      .command('switchover <name>')
      .description('make another member the primary, losing nothing')
      .option('--to <member|region>', 'which; else the best placed voter'),
  ).action(async (name: string, options: ChangeOptions & { to?: string }, used: Command) =>
    switchOver(await open(used), name, { ...used.optsWithGlobals<ChangeOptions>(), ...options }),
  );
  addChangeOptions(
    cluster
      .command('failover <name>')
      .description('make another member the primary without waiting for the present one')
      .option('--accept-data-loss', 'also when voters that do not answer may hold acknowledged writes'),
  ).action(async (name: string, options: ChangeOptions & { acceptDataLoss?: boolean }, used: Command) =>
    failOver(await open(used), name, { ...used.optsWithGlobals<ChangeOptions>(), ...options }),
  );
}

async function update(session: Session, name: string, options: WishOptions, done: string): Promise<void> {
  const wish = {
    ...section('topology', { voters: options.voters, replicas: options.replicas, arbiters: options.arbiters }),
    ...section('placement', { survive: options.survive, regions: options.regions, residency: options.residency }),
    ...section('volume', { size: options.volume }),
    ...given({ flavor: options.flavor }),
  };
  if (Object.keys(wish).length === 0) throw new UsageError('Say what shall change; see --help.');
  const { cluster } = await readCluster(session, name);
  const path = `/v2/clusters/${encodeURIComponent(cluster.id)}`;
  const request = { method: 'PATCH', path, body: { cluster: wish } } as const;
  await change(session, request, { ...options, cluster, done: `Cluster ${name} ${done}` });
}

async function replace(session: Session, name: string, options: ChangeOptions & { member: string }): Promise<void> {
  const { cluster } = await readCluster(session, name);
  const path = `/v2/clusters/${encodeURIComponent(cluster.id)}/replace`;
  const request = { method: 'POST', path, body: { member: options.member } } as const;
  await change(session, request, { ...options, cluster, done: `Member ${options.member} is replaced` });
}

async function switchOver(session: Session, name: string, options: ChangeOptions & { to?: string }): Promise<void> {
  const { cluster } = await readCluster(session, name);
  const path = `/v2/clusters/${encodeURIComponent(cluster.id)}/switchover`;
  const request = { method: 'POST', path, body: given({ to: options.to }) } as const;
  await change(session, request, { ...options, cluster, done: `Cluster ${name} switches over` });
}

async function failOver(
  session: Session,
  name: string,
  options: ChangeOptions & { acceptDataLoss?: boolean },
): Promise<void> {
  const { cluster } = await readCluster(session, name);
  const path = `/v2/clusters/${encodeURIComponent(cluster.id)}/failover`;
  const body = given({ accept_data_loss: options.acceptDataLoss });
  await change(session, { method: 'POST', path, body }, { ...options, cluster, done: `Cluster ${name} fails over` });
}
