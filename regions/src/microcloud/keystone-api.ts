// Keystone v3 over HTTP: tokens by password or token, scoped or not, and the listings that clients ask for first.
import { Router } from '@koa/router';
import type Koa from 'koa';
import type { Context } from 'koa';
import type { Logger } from 'pino';
import type { ApplicationCredentials } from './application-credentials.ts';
import type { Faults } from './faults.ts';
import type { Directory, NamedRef } from './identity.ts';
import type { Token, Tokens } from './tokens.ts';
import { bodyOf, createApp, HttpError } from './web.ts';

const TITLES: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  413: 'Request Entity Too Large',
};

interface AuthRequest {
  readonly identity?: {
    readonly methods?: readonly string[];
    readonly password?: { readonly user?: NamedRef & { readonly password?: string } };
    readonly token?: { readonly id?: string };
    readonly application_credential?: { readonly id?: string; readonly secret?: string };
  };
  readonly scope?: { readonly project?: NamedRef } | 'unscoped';
}

export function createKeystone(world: {
  readonly directory: Directory;
  readonly tokens: Tokens;
  readonly credentials: ApplicationCredentials;
  readonly faults: Faults;
  readonly log: Logger;
}): Koa {
  const { directory, tokens } = world;
  const app = createApp(world.log, (error) => keystoneError(error));
  app.use(world.faults.guard('keystone'));
  const router = new Router();

  router.get('/', (context) => {
    context.status = 300;
    context.body = { versions: { values: [directory.versions()] } };
  });
  router.get('/v3', (context) => {
    context.body = { version: directory.versions() };
  });
  router.post('/v3/auth/tokens', (context) => {
    const { token, text } = authenticate(world, bodyOf(context).auth as AuthRequest | undefined);
    context.status = 201;
    context.set('x-subject-token', text);
    context.set('vary', 'X-Auth-Token');
    context.body = directory.tokenBody(token);
  });
  // Koa answers HEAD by the route of GET, without the body.
  router.get('/v3/auth/tokens', (context) => {
    const { text, token } = subject(directory, tokens, context);
    context.set('x-subject-token', text);
    context.body = directory.tokenBody(token);
  });
  router.delete('/v3/auth/tokens', (context) => {
    tokens.revoke(subject(directory, tokens, context).token);
    context.status = 204;
  });
  router.get('/v3/auth/catalog', (context) => {
    const { projectId } = caller(tokens, context);
    if (projectId === undefined) throw keystoneFailure(403, 'The token has no scope.');
    context.body = { catalog: directory.catalog(projectId) };
  });
  router.get('/v3/auth/projects', (context) => {
    context.body = { projects: directory.projectsOf(caller(tokens, context).userName) };
  });
  addApplicationCredentials(router, world);
  for (const kind of ['users', 'projects'] as const) {
    router.get(`/v3/${kind}`, (context) => {
      requireAdmin(directory, caller(tokens, context));
      const name = context.query.name;
      context.body = { [kind]: directory[kind]().filter((item) => name === undefined || item.name === name) };
    });
  }
  app.use(router.routes());
  app.use(() => {
    throw keystoneFailure(404, 'The resource could not be found.');
  });
  return app;
}

interface Authority {
  readonly directory: Directory;
  readonly tokens: Tokens;
  readonly credentials: ApplicationCredentials;
}

function addApplicationCredentials(router: Router, { directory, tokens, credentials }: Authority): void {
  router.post('/v3/users/:user/application_credentials', (context) => {
    const { userName, projectId } = owner(directory, caller(tokens, context), context);
    const { name } = (bodyOf(context).application_credential ?? {}) as { name?: string };
    if (name === undefined) throw keystoneFailure(400, "'name' is a required property");
    const { credential, secret } = credentials.make({ name, userName, projectId });
    context.status = 201;
    context.body = {
      application_credential: {
        ...{ id: credential.id, name, project_id: projectId, secret, unrestricted: false },
        ...{ description: null, expires_at: null },
      },
    };
  });
  router.delete('/v3/users/:user/application_credentials/:id', (context) => {
    const { userName } = owner(directory, caller(tokens, context), context);
    if (!credentials.remove(String(context.params.id), userName)) {
      throw keystoneFailure(404, `Could not find Application Credential: ${context.params.id}.`);
    }
    context.status = 204;
  });
}

function authenticate(
  { directory, tokens, credentials }: Authority,
  auth: AuthRequest | undefined,
): { token: Token; text: string } {
  const methods = auth?.identity?.methods ?? [];
  const password = auth?.identity?.password?.user;
  if (methods.length === 0 || (methods[0] === 'password' && password === undefined)) {
    throw keystoneFailure(400, "'identity' is a required property");
  }
  if (methods[0] === 'application_credential') {
    const { id = '', secret = '' } = auth?.identity?.application_credential ?? {};
    const known = credentials.find(id, secret);
    if (known === undefined) throw unauthorized();
    return tokens.issue({ userName: known.userName, projectId: known.projectId, methods });
  }
  const earlier = methods[0] === 'token' ? tokens.read(auth?.identity?.token?.id ?? '') : undefined;
  const userName = methods[0] === 'password' ? directory.signIn(password ?? {}) : earlier?.userName;
  if (userName === undefined) throw unauthorized();

  const wanted = typeof auth?.scope === 'object' ? auth.scope.project : undefined;
  const project = wanted === undefined ? undefined : directory.project(userName, wanted);
  if (wanted !== undefined && project === undefined) throw unauthorized();
  const scope = project === undefined ? {} : { projectId: project.id };
  return tokens.issue({ userName, methods, ...scope }, earlier?.expiresAtMs);
}

/** A user's application credentials are the user's own affair, and of the project of the token. */
function owner(directory: Directory, token: Token, context: Context): { userName: string; projectId: string } {
  const known = directory.users().find(({ name }) => name === token.userName);
  if (token.projectId === undefined || known?.id !== context.params.user) {
    throw keystoneFailure(403, 'You are not authorized to perform the requested action.');
  }
  return { userName: token.userName, projectId: token.projectId };
}

function caller(tokens: Tokens, context: Context): Token {
  const token = tokens.read(context.get('x-auth-token'));
  if (token === undefined) throw unauthorized();
  return token;
}

/** The token that is asked about: anybody's own, another's for an admin or a service. */
function subject(directory: Directory, tokens: Tokens, context: Context): { text: string; token: Token } {
  const asking = caller(tokens, context);
  const text = context.get('x-subject-token');
  const token = tokens.read(text);
  const roles = directory.roles(asking.userName, asking.projectId);
  if (token?.id !== asking.id && !roles.some((role) => role === 'admin' || role === 'service')) {
    throw keystoneFailure(403, 'You are not authorized to perform the requested action: identity:validate_token.');
  }
  if (token === undefined) throw keystoneFailure(404, 'Could not find token.');
  return { text, token };
}

function requireAdmin(directory: Directory, token: Token): void {
  if (directory.roles(token.userName, token.projectId).includes('admin')) return;
  throw keystoneFailure(403, 'You are not authorized to perform the requested action.');
}

function unauthorized(): HttpError {
  return keystoneFailure(401, 'The request you have made requires authentication.');
}

function keystoneFailure(status: number, message: string): HttpError {
  return new HttpError(status, message, { error: { code: status, message, title: TITLES[status] ?? 'Error' } });
}

function keystoneError(error: unknown): HttpError {
  if (error instanceof HttpError)
    return error.body === undefined ? keystoneFailure(error.status, error.message) : error;
  return keystoneFailure(500, 'An unexpected error prevented the server from fulfilling your request.');
}
