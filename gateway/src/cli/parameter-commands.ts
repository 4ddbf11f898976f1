// `argosy parameter ...`: settings of a cluster's engine.
import { nearestOf } from '@argosy/datastores';
import type { Command } from 'commander';
import { addChangeOptions, asJson, type ChangeOptions, change, readCluster } from './changes.ts';
import { readDatastore } from './datastore-commands.ts';
import { CommandError, UsageError } from './errors.ts';
import type { Cluster, DatastoreDetail } from './resources.ts';
import type { OpenSession, Session } from './session.ts';
import { renderFields, renderTable } from './tables.ts';

export function addParameterCommands(program: Command, open: OpenSession): void {
  const parameter = program.command('parameter').description("settings of a cluster's engine");
  parameter
    .command('list <cluster>')
    .description('those that were set')
    .option('--all', 'also those that have their defaults')
    .action(async (name: string, options: { all?: boolean }, command: Command) =>
      list(await open(command), name, options.all === true, isJson(command)),
    );
  parameter
    .command('show <cluster> <name>')
    .description('one parameter: its value, what it may be, whether a change restarts members')
    .action(async (cluster: string, name: string, _options, command: Command) =>
      show(await open(command), cluster, name, isJson(command)),
    );
  addChangeOptions(
    parameter.command('set <cluster> <name=value...>').description('set parameters; members follow one by one'),
  ).action(async (cluster: string, pairs: string[], _options, command: Command) =>
    patch(await open(command), cluster, readPairs(pairs), command.optsWithGlobals()),
  );
  addChangeOptions(
    parameter.command('unset <cluster> <name...>').description('give parameters their defaults again'),
  ).action(async (cluster: string, names: string[], _options, command: Command) => {
    const wished = Object.fromEntries(names.map((name) => [name, null]));
    await patch(await open(command), cluster, wished, command.optsWithGlobals());
  });
}

async function list(session: Session, name: string, isAll: boolean, json: boolean): Promise<void> {
  const { cluster } = await readCluster(session, name);
  const { datastore } = await readDatastore(session, cluster.datastore?.type ?? '');
  const shown = datastore.parameters
    .filter((each) => isAll || Object.hasOwn(cluster.parameters, each.name))
    .map((each) => ({ ...each, value: cluster.parameters[each.name] ?? null }));
  const pending = pendingMembers(cluster);
  if (json) {
    session.terminal.out(asJson({ parameters: shown, pending_members: pending }));
    return;
  }
  const table = renderTable(
    ['parameter', 'value', 'default', 'restart'],
    shown.map(({ name: parameter, value, default: usual, restart }) => [
      ...[parameter, value, usual ?? 'by the guest', restart ? 'yes' : 'no'],
    ]),
  );
  session.terminal.out(shown.length === 0 ? 'No parameter was set; --all shows what there is.' : table);
  if (pending.length > 0) session.terminal.out(`Not in force yet on ${pending.join(', ')}.`);
}

async function show(session: Session, clusterName: string, name: string, json: boolean): Promise<void> {
  const { cluster } = await readCluster(session, clusterName);
  const { datastore } = await readDatastore(session, cluster.datastore?.type ?? '');
  const found = datastore.parameters.find((each) => each.name === name);
  if (found === undefined) throw new CommandError(unknown(name, datastore));
  const value = cluster.parameters[name] ?? null;
  const pending = pendingMembers(cluster);
  if (json) {
    session.terminal.out(asJson({ parameter: { ...found, value }, pending_members: pending }));
    return;
  }
  session.terminal.out(
    renderFields([
      ['parameter', name],
      ['value', value ?? `${found.default ?? 'by the guest'} (default)`],
      ['may be', found.values],
      ['restart', found.restart ? 'yes, member after member' : 'no'],
      ['for', found.description],
      ['not in force yet on', pending.join(', ')],
    ]),
  );
}

function unknown(name: string, { type, parameters, reserved_parameters: reserved }: DatastoreDetail): string {
  const reason = reserved.find((each) => each.name === name)?.reason;
  if (reason !== undefined) return `The parameter "${name}" cannot be set: ${reason}.`;
  const nearest = nearestOf(
    parameters.map((each) => each.name),
    name,
  );
  const hint = nearest === undefined ? '' : ` Did you mean "${nearest}"?`;
  return `${type} has no parameter "${name}".${hint}`;
}

async function patch(
  session: Session,
  name: string,
  parameters: Readonly<Record<string, string | null>>,
  options: ChangeOptions,
): Promise<void> {
  const { cluster } = await readCluster(session, name);
  const path = `/v2/clusters/${encodeURIComponent(cluster.id)}`;
  const request = { method: 'PATCH', path, body: { cluster: { parameters } } } as const;
  await change(session, request, { ...options, cluster, done: `Cluster ${name} gets its parameters` });
}

/** @throws UsageError */
function readPairs(pairs: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const [, name, value] = /^([^=]+)=(.*)$/s.exec(pair) ?? [];
      if (name === undefined || value === undefined) throw new UsageError(`"${pair}" is not NAME=VALUE.`);
      return [name, value];
    }),
  );
}

function pendingMembers({ members, parameter_generation: generation }: Cluster): string[] {
  const behind = members.filter((member) => member.kind !== 'arbiter' && member.parameter_generation !== generation);
  return behind.map(({ id }) => id);
}

function isJson(command: Command): boolean {
  return command.optsWithGlobals().json === true;
}
