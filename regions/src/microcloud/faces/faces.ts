// Nova, Neutron, Glance and Cinder before the plain model, for a real Heat: as much of them as it calls for Argosy's
// templates, and what people list. A token is the real Keystone's, and opens what belongs to its project.
import { Router } from '@koa/router';
import type Koa from 'koa';
import type { Faults } from '../faults.ts';
import { createApp, HttpError } from '../web.ts';
import { addCinder } from './cinder.ts';
import { addGlance, tellVersions } from './glance.ts';
import { addNeutron } from './neutron.ts';
import { addNova } from './nova.ts';
import { addQuotas } from './quota-routes.ts';
import type { Faces } from './requests.ts';
import { addZones } from './zones.ts';

/** What a token is scoped to; undefined when it is none, or scoped to nothing. */
export type ScopeOfToken = (token: string) => Promise<Scope | undefined>;

export interface Scope {
  readonly projectId: string;
  readonly roles: readonly string[];
}

export function createFaces(faces: Faces, faults: Faults, scopeOfToken: ScopeOfToken): Koa {
  const app = createApp(faces.log, describe);
  app.use(faults.door());
  app.use(tellVersions);
  app.use(async (context, next) => {
    // One sees whether we serve without a token.
    if (context.path === '/') {
      context.body = {};
      return;
    }
    const scope = await scopeOfToken(context.get('x-auth-token'));
    if (scope === undefined) throw new HttpError(401, 'The token is not good.', { error: { code: 401 } });
    Object.assign(context.state, scope);
    await next();
  });
  const router = new Router();
  addNova(router, faces);
  addNeutron(router, faces);
  addGlance(router, faces);
  addCinder(router, faces);
  addQuotas(router, faces);
  addZones(router, faces);
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
