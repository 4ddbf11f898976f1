// How links of projects are made and taken back.
import { type Applied, type EntryOf, refuse } from './entries.ts';
import type { LinkedProject, ProjectLink } from './project-links.ts';
import type { Tables } from './tables.ts';

/** Makes projects one. What one of them has under an id that is no longer told would be nobody's: then it is refused. */
export function linkProjects(tables: Tables, { link }: EntryOf<'projects.linked'>): Applied {
  const isIn = (other: ProjectLink, { keystone, projectId }: LinkedProject): boolean =>
    other.projects.some((project) => project.keystone === keystone && project.projectId === projectId);
  for (const other of tables.projectLinks.values()) {
    const twice = link.projects.find((project) => isIn(other, project));
    if (twice !== undefined) {
      return refuse(
        'project.linked',
        `Project ${twice.projectId} of ${twice.keystone} is in link ${other.id} already.`,
      );
    }
  }
  const renamed = link.projects.slice(1).map(({ projectId }) => projectId);
  const owned = [...tables.clusters.values()].find(
    ({ projectId }) => renamed.includes(projectId) && projectId !== link.projects[0]?.projectId,
  );
  if (owned !== undefined) {
    const why = `Project ${owned.projectId} has clusters (${owned.name}): name it first, or delete them before.`;
    return refuse('project.in_use', why);
  }
  tables.projectLinks.set(link.id, link);
  return {};
}

/** The projects are each their own again; clusters stay with the first. */
export function unlinkProjects(tables: Tables, { linkId }: EntryOf<'projects.unlinked'>): Applied {
  if (!tables.projectLinks.delete(linkId)) return refuse('project.not_linked', `There is no link "${linkId}".`);
  return {};
}
