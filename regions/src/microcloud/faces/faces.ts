// Nova, Neutron, Glance and Cinder before the plain model, for a real Heat: as much of them as it calls for Argosy's
// templates, and what people list. A token is the real Keystone's, and opens what belongs to its project.
import { Router } from '@koa/router';
import type Koa from 'koa';
import type { Faults } from '../faults.ts';
import { createApp, HttpError } from '../web.ts';
import { addCinder } from './cinder.ts';
import { addGlance } from './glance.ts';
import { addNeutron } from './neutron.ts';
import { addNova } from './nova.ts';
import type { Faces } from './requests.ts';

/** The project that a token is scoped to; undefined when it is none, or scoped to nothing. */
export type ProjectOfToken = (token: string) => Promise<string | undefined>;

export function createFaces(faces: Faces, faults: Faults, projectOfToken: ProjectOfToken): Koa {
  const app = createApp(faces.log, describe);
  app.use(faults.door());
  app.use(async (context, next) => {
    // One sees whether we serve without a token.
    if (context.path === '/') {
      context.body = {};
      return;
    }
    const projectId = await projectOfToken(context.get('x-auth-token'));
    if (projectId === undefined) throw new HttpError(401, 'The token is not good.', { error: { code: 401 } });
    context.state.projectId = projectId;
    await next();
  });
  const router = new Router();
  addNova(router, faces);
  addNeutron(router, faces);
  addGlance(router, faces);
  addCinder(router, faces);
  app.use(router.routes());
  app.use((context) => {
    const message = `${context.method} ${context.path} is not there.`;
    faces.log.warn({ method: context.method, path: context.path }, 'asked for what no face has');
    throw new HttpError(404, message, { itemNotFound: { code: 404, message } });
  });
  return app;
}

function describe(error: unknown): HttpError {
  if (error instanceof HttpError) return error;
  const message = 'An unexpected error.';
  return new HttpError(500, message, { computeFault: { code: 500, message } });
}
