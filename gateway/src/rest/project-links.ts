// /v2/project-links: projects of several Keystones that are one tenant. An administrator's affair.
import { z } from 'zod';
import type { Applied, EntryBody } from '../state/entries.ts';
import type { Federation } from '../state/federation.ts';
import type { ProjectLink } from '../state/project-links.ts';
import { ApiError, invalidField } from './errors.ts';
import { readObject } from './objects.ts';
import type { Route } from './route.ts';

const PATH = '/v2/project-links';
const MAX_PROJECTS = 32;

const projectsSchema = z
  .array(z.strictObject({ keystone: z.string().min(1), project_id: z.string().min(1).max(64) }))
  .min(2)
  .max(MAX_PROJECTS)
  .meta({ description: 'The first names the tenant: its clusters are of that project.' });
const linkSchema = z.strictObject({ id: z.string(), projects: projectsSchema }).meta({ id: 'ProjectLink' });
const newLink = z.strictObject({ project_link: z.strictObject({ projects: projectsSchema }) });

export interface ProjectLinksOptions {
  readonly federation: Federation;
  /** The names of the Keystones that the peers know. */
  readonly keystones: () => readonly string[];
  readonly propose: (entry: EntryBody) => Promise<Applied>;
  readonly newId: () => string;
}

export function projectLinkRoutes({ federation, keystones, propose, newId }: ProjectLinksOptions): Route[] {
  return [
    {
      ...{ name: 'project_links.list', method: 'GET', path: PATH, role: 'admin', query: {} },
      summary: 'Projects of several Keystones that are one tenant',
      answers: { 200: z.strictObject({ project_links: z.array(linkSchema) }) },
      errors: [],
      handle: () => ({ status: 200, body: { project_links: federation.projectLinks().map(viewLink) } }),
    },
    {
      ...{ name: 'project_links.create', method: 'POST', path: PATH, role: 'admin', query: {} },
      summary: 'Makes projects of several Keystones one tenant',
      body: newLink,
      answers: { 201: z.strictObject({ project_link: linkSchema }) },
      errors: ['project.linked', 'project.in_use'],
      handle: async ({ body }) => {
        const { projects } = readObject(body, newLink).project_link;
        for (const [index, { keystone }] of projects.entries()) {
          if (keystones().includes(keystone)) continue;
          const known = `names none of the Keystones: ${keystones().join(', ')}`;
          throw invalidField(`project_link.projects.${index}.keystone`, known);
        }
        const names = projects.map(({ keystone, project_id: id }) => `${keystone} ${id}`);
        if (new Set(names).size < names.length) throw invalidField('project_link.projects', 'has a project twice');
        const link = {
          id: newId(),
          projects: projects.map(({ keystone, project_id: projectId }) => ({ keystone, projectId })),
        };
        const { refused } = await propose({ kind: 'projects.linked', link });
        if (refused !== undefined) throw refusal(refused);
        return { status: 201, headers: { location: `${PATH}/${link.id}` }, body: { project_link: viewLink(link) } };
      },
    },
    {
      ...{ name: 'project_links.delete', method: 'DELETE', path: `${PATH}/:id`, role: 'admin', query: {} },
      summary: 'Lets each project be its own again; clusters stay with the first',
      answers: { 200: z.strictObject({ project_link: linkSchema }) },
      errors: ['project.not_linked'],
      handle: async ({ parameters }) => {
        const link = federation.projectLinks().find(({ id }) => id === parameters.id);
        if (link === undefined) throw new ApiError('project.not_linked', `There is no link "${parameters.id}".`);
        const { refused } = await propose({ kind: 'projects.unlinked', linkId: link.id });
        if (refused !== undefined) throw refusal(refused);
        return { status: 200, body: { project_link: viewLink(link) } };
      },
    },
  ];
}

function refusal({ code, message }: NonNullable<Applied['refused']>): ApiError {
  return new ApiError(code === 'idempotency.repeated' ? 'state.stale' : code, message);
}

function viewLink({ id, projects }: ProjectLink): z.infer<typeof linkSchema> {
  return { id, projects: projects.map(({ keystone, projectId }) => ({ keystone, project_id: projectId })) };
}
