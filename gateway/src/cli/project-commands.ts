// `argosy project link | list | unlink`: projects of several Keystones that are one tenant.
import type { Command } from 'commander';
import { asJson } from './changes.ts';
import { UsageError } from './errors.ts';
import { type ProjectLink, projectLinkAnswer, projectLinksAnswer } from './resources.ts';
import type { OpenSession } from './session.ts';
import { renderTable } from './tables.ts';

const PATH = '/v2/project-links';

export function addProjectCommands(program: Command, open: OpenSession): void {
  const project = program.command('project').description('projects of several Keystones that are one tenant');
  project
    .command('link <keystone:id...>')
    .description('makes them one tenant (administrators); the first names it, and its clusters are of that project')
    .action(async (named: string[], _options, command: Command) => {
      const projects = named.map(readProject);
      const { client, terminal } = await open(command);
      const answer = await client.post(PATH, { project_link: { projects } }, projectLinkAnswer);
      terminal.out(isJson(command) ? asJson(answer) : `${answer.project_link.id} is linked.`);
    });
  project
    .command('list')
    .description('every link')
    .action(async (_options, command: Command) => {
      const { client, terminal } = await open(command);
      const answer = await client.get(PATH, projectLinksAnswer);
      terminal.out(isJson(command) ? asJson(answer) : renderLinks(answer.project_links));
    });
  project
    .command('unlink <id>')
    .description('lets each be its own again; clusters stay with the first')
    .action(async (id: string, _options, command: Command) => {
      const { client, terminal } = await open(command);
      const answer = await client.delete(`${PATH}/${encodeURIComponent(id)}`, projectLinkAnswer);
      terminal.out(isJson(command) ? asJson(answer) : `${id} is no more.`);
    });
}

/** `north:6f1c…`: the Keystone's name, and the project's id there. */
function readProject(text: string): { readonly keystone: string; readonly project_id: string } {
  const [, keystone, id] = /^([^:]+):(.+)$/.exec(text) ?? [];
  if (keystone === undefined || id === undefined) {
    throw new UsageError(`"${text}" is not KEYSTONE:PROJECT_ID, such as north:6f1c2d. Names are never matched.`);
  }
  return { keystone, project_id: id };
}

function renderLinks(links: readonly ProjectLink[]): string {
  const rows = links.flatMap(({ id, projects }) =>
    projects.map(({ keystone, project_id: projectId }, index) => [index === 0 ? id : '', keystone, projectId]),
  );
  return renderTable(['link', 'Keystone', 'project'], rows);
}

function isJson(command: Command): boolean {
  return command.optsWithGlobals<{ readonly json?: boolean }>().json === true;
}
