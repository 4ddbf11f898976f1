// `argosy datastore ...`
import type { Command } from 'commander';
import { asJson } from './changes.ts';
import { type Datastore, type DatastoreDetail, datastoreAnswer, datastoresAnswer } from './resources.ts';
import type { OpenSession, Session } from './session.ts';
import { renderFields, renderTable } from './tables.ts';

export function addDatastoreCommands(program: Command, open: OpenSession): void {
  const datastore = program.command('datastore').description('the engines that clusters can be made of');
  datastore
    .command('list')
    .description('every engine with its versions')
    .action(async (_options, command: Command) => {
      const { client, terminal } = await open(command);
      const answer = await client.get('/v2/datastores', datastoresAnswer);
      terminal.out(command.optsWithGlobals().json === true ? asJson(answer) : renderDatastores(answer.datastores));
    });
  datastore
    .command('show <type>')
    .description('one engine: versions, topologies, durability, parameters')
    .action(async (type: string, _options, command: Command) => {
      const session = await open(command);
      const answer = await readDatastore(session, type);
      session.terminal.out(
        command.optsWithGlobals().json === true ? asJson(answer) : renderDatastore(answer.datastore),
      );
    });
}

export function readDatastore(session: Session, type: string): Promise<{ datastore: DatastoreDetail }> {
  return session.client.get(`/v2/datastores/${encodeURIComponent(type)}`, datastoreAnswer);
}

function renderDatastores(datastores: readonly Datastore[]): string {
  if (datastores.length === 0) return 'There are no datastores.';
  return renderTable(
    ['datastore', 'versions', 'default', 'durability', 'members'],
    datastores.map((datastore) => [
      datastore.type,
      versionsOf(datastore),
      datastore.default_version,
      datastore.durability_modes.join(', '),
      datastore.topologies.map(({ members }) => `${members.min} to ${members.max}`).join(', '),
    ]),
  );
}

function renderDatastore(datastore: DatastoreDetail): string {
  const fields = renderFields([
    ['datastore', datastore.type],
    ['versions', versionsOf(datastore)],
    ['default version', datastore.default_version],
    ['port', datastore.port],
    ['durability', datastore.durability_modes.join(', ')],
    ['topologies', datastore.topologies.map(topologyOf).join(', ')],
    ['privileges', datastore.privileges.join(', ')],
  ]);
  const parameters = renderTable(
    ['parameter', 'values', 'default', 'restart', ''],
    datastore.parameters.map((parameter) => [
      parameter.name,
      parameter.values,
      parameter.default ?? 'by the guest',
      parameter.restart ? 'yes' : 'no',
      parameter.description,
    ]),
  );
  const reserved = datastore.reserved_parameters.map(({ name }) => name);
  return [fields, parameters, ...(reserved.length === 0 ? [] : [`Not a tenant's to set: ${reserved.join(', ')}`])].join(
    '\n',
  );
}

function topologyOf({ mode, members, has_arbiters }: Datastore['topologies'][number]): string {
  return `${mode} (${members.min} to ${members.max} members${has_arbiters ? ', arbiter' : ''})`;
}

function versionsOf({ versions }: Datastore): string {
  return versions.map((version) => (typeof version === 'string' ? version : version.version)).join(', ');
}
