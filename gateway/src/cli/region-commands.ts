// `argosy region ...`: which regions there are, how they are, and how they reach each other; and, for administrators,
// who joins and who leaves.
import type { Command } from 'commander';
import { CommandError } from './errors.ts';
import { commaSeparated } from './option-values.ts';
import { orphansAnswer, type Region, regionAnswer, regionsAnswer } from './resources.ts';
import type { OpenSession, Session } from './session.ts';
import { renderFields, renderTable } from './tables.ts';

export function addRegionCommands(program: Command, open: OpenSession): void {
  const region = program.command('region').description('the OpenStack regions of the federation');
  region
    .command('list')
    .description('every region, whether it answers, and how the regions reach each other')
    .action(async (_options, command: Command) => {
      const { client, terminal } = await open(command);
      const answer = await client.get('/v2/regions', regionsAnswer);
      terminal.out(isJson(command) ? asJson(answer) : renderRegions(answer.regions));
    });
  region
    .command('show <name>')
    .description('one region with its zones, flavors and ways to the others')
    .action(async (name: string, _options, command: Command) => {
      const { client, terminal } = await open(command);
      const answer = await client.get(pathOf(name), regionAnswer);
      terminal.out(isJson(command) ? asJson(answer) : renderRegion(answer.region));
    });
  region
    .command('add <name>')
    .description('a region joins the running federation; its executors hold what "region sign" has signed')
    .requiredOption('--executors <addresses>', 'address:port of each executor (a,b)', commaSeparated)
    .option('--keystone <url>', 'its Keystone (…/v3), when its users shall be served; its admins are admins then')
    .action(async (name: string, options: { executors: string[]; keystone?: string }, command: Command) => {
      const { client, terminal } = await open(command);
      const body = { region: { name, ...options } };
      const answer = await client.post('/v2/regions', body, regionAnswer);
      terminal.out(
        isJson(command) ? asJson(answer) : `Region ${name} joins. "argosy region show ${name}" says when it is heard.`,
      );
    });
  region
    .command('remove <name>')
    .description('a region leaves the federation; refused as long as a member is there')
    .action(async (name: string, _options, command: Command) => {
      const { client, terminal } = await open(command);
      const answer = await client.delete(pathOf(name), regionAnswer);
      terminal.out(isJson(command) ? asJson(answer) : `Region ${name} has left.`);
    });
  region
    .command('orphans <name>')
    .description('stacks there that nobody wishes, and members without one; shows, and changes nothing')
    .option('--repair', 'remove what can be removed, as shown before')
    .option('--stacks <ids>', 'with --repair: only these (a,b)', commaSeparated)
    .action(async (name: string, options: { repair?: boolean; stacks?: string[] }, command: Command) =>
      showOrphans(await open(command), name, { ...options, isJson: isJson(command) }),
    );
  for (const [verb, description] of [
    ['drain', 'no new member is placed in the region; those that are there stay until their clusters are changed'],
    ['undrain', 'new members are placed in the region again'],
  ] as const) {
    region
      .command(`${verb} <name>`)
      .description(description)
      .action(async (name: string, _options, command: Command) => {
        const { client, terminal } = await open(command);
        const answer = await client.post(`${pathOf(name)}/${verb}`, undefined, regionAnswer);
        terminal.out(isJson(command) ? asJson(answer) : drainedText(answer.region));
      });
  }
}

interface OrphanOptions {
  readonly repair?: boolean;
  readonly stacks?: readonly string[];
  readonly isJson: boolean;
}

/** A repair asks twice: it removes by the ids that were shown, so that nothing is removed that nobody has seen. */
async function showOrphans({ client, terminal }: Session, name: string, options: OrphanOptions): Promise<void> {
  const path = `${pathOf(name)}/audit`;
  let answer = await client.post(path, {}, orphansAnswer);
  const wished = options.stacks;
  const remove = answer.orphans.flatMap(({ stack_id: id, removable }) =>
    removable && id && (wished === undefined || wished.includes(id)) ? [id] : [],
  );
  if (options.repair === true && remove.length > 0) answer = await client.post(path, { remove }, orphansAnswer);
  if (options.isJson) terminal.out(asJson(answer));
  else if (answer.orphans.length === 0) terminal.out(`Region ${name} has no orphans.`);
  else {
    const rows = answer.orphans.map((orphan) => [
      orphan.member_id ?? orphan.stack_name,
      orphan.kind,
      orphan.stack_id,
      orphan.removed ? 'removed' : orphan.removable ? 'can be removed (--repair)' : 'left alone',
      orphan.advice ?? orphan.why,
    ]);
    terminal.out(renderTable(['member or stack', 'kind', 'stack', 'repair', 'why'], rows));
  }
  const failed =
    options.repair === true &&
    answer.orphans.some(({ stack_id: id, removed }) => id && remove.includes(id) && !removed);
  if (failed)
    throw new CommandError('Not every stack could be removed; its Heat says why ("openstack stack show ID").');
}

function drainedText({ name, drained, members }: Region): string {
  if (drained !== true) return `Region ${name} takes new members.`;
  const left = members === 0 ? 'no member is' : members === 1 ? 'one member is' : `${members} members are`;
  return `Region ${name} takes no new members; ${left} there.`;
}

function pathOf(name: string): string {
  return `/v2/regions/${encodeURIComponent(name)}`;
}

export function renderRegions(regions: readonly Region[]): string {
  if (regions.length === 0) return 'There are no regions.';
  const table = renderTable(
    ['region', 'status', 'provider', 'jurisdiction', 'zones (free members)'],
    regions.map((region) => [region.name, statusText(region), region.provider, region.jurisdiction, zonesText(region)]),
  );
  const isMeasured = regions.some(({ ways }) => ways.length > 0);
  return isMeasured ? `${table}\n${renderWays(regions)}` : table;
}

/** A row for each region that measures, a column for each that is measured. */
function renderWays(regions: readonly Region[]): string {
  const names = regions.map(({ name }) => name);
  return renderTable(
    ['round trip (ms)', ...names.map((name) => `to ${name}`)],
    regions.map((region) => [
      `from ${region.name}`,
      ...names.map((name) => (name === region.name ? '' : wayText(region.ways.find((way) => way.region === name)))),
    ]),
  );
}

function wayText(way: Region['ways'][number] | undefined): string {
  if (way === undefined) return '?';
  if (!way.reachable) return 'unreachable';
  return way.round_trip_ms?.toFixed(1) ?? '?';
}

function statusText({ status, drained }: Region): string | null | undefined {
  return drained === true ? `${status}, drained` : status;
}

function renderRegion(region: Region): string {
  const fields = renderFields([
    ['name', region.name],
    ['status', statusText(region)],
    ...(region.detail ? [['detail', region.detail] as const] : []),
    ['provider', region.provider],
    ['jurisdiction', region.jurisdiction],
    ['zones', zonesText(region)],
    ['members', region.members],
  ]);
  const rows = region.flavors.map((flavor) => [flavor.name, flavor.vcpus, flavor.memory_mib]);
  const ways = region.ways.map((way) => [way.region, wayText(way), way.detail]);
  return [
    fields,
    ...(rows.length === 0 ? [] : [renderTable(['flavor', 'vCPUs', 'memory (MiB)'], rows)]),
    ...(ways.length === 0 ? [] : [renderTable(['to region', 'round trip (ms)', ''], ways)]),
  ].join('\n');
}

function zonesText(region: Region): string {
  return region.zones.map((zone) => `${zone.name} (${zone.free_members ?? '?'})`).join(', ');
}

function isJson(command: Command): boolean {
  return command.optsWithGlobals().json === true;
}

function asJson(value: unknown): string {
  return JSON.stringify(value, undefined, 2);
}
