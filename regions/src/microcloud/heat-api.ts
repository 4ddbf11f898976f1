// Heat v1 over HTTP: what the executor asks, with the shapes, redirects and errors of the real one.
import { Router } from '@koa/router';
import type Koa from 'koa';
import type { Context } from 'koa';
import type { Logger } from 'pino';
import type { Faults } from './faults.ts';
import { eventBody, links, listed, resourceBody, selfOf, shown, statusOf } from './heat-bodies.ts';
import { readTemplate, TemplateError } from './hot.ts';
import type { Directory } from './identity.ts';
import type { Properties } from './resource-type.ts';
import { placedResources, type StackRecord } from './stack-records.ts';
import { MAX_NESTED, type Stacks } from './stacks.ts';
import type { Tokens } from './tokens.ts';
import { bodyOf, createApp, HttpError } from './web.ts';

const EXPLANATIONS: Readonly<Record<number, readonly [title: string, explanation: string]>> = {
  400: [
    'Bad Request',
    'The server could not comply with the request since it is either malformed or otherwise incorrect.',
  ],
  403: ['Forbidden', 'Access was denied to this resource.'],
  404: ['Not Found', 'The resource could not be found.'],
  409: ['Conflict', 'There was a conflict when trying to complete your request.'],
  413: ['Request Entity Too Large', 'The body of your request was too large for this server.'],
};
const REFUSED_TRUST = 'You are not authorized to perform the requested action.';
const STACK_NAME = /^[a-zA-Z][a-zA-Z0-9_.-]{0,254}$/;
const DEFAULT_TIMEOUT_MINUTES = 60;

export function createHeat(world: {
  readonly stacks: Stacks;
  readonly directory: Directory;
  readonly tokens: Tokens;
  readonly faults: Faults;
  readonly log: Logger;
}): Koa {
  const { stacks, directory, tokens } = world;
  const app = createApp(world.log, heatError);
  app.use(world.faults.door());
  app.use(world.faults.guard('heat'));
  const router = new Router();

  router.get('/', (context) => {
    context.status = 300;
    context.body = {
      versions: [{ id: 'v1.0', status: 'CURRENT', links: [{ rel: 'self', href: `http://${context.host}/v1/` }] }],
    };
  });
  router.use('/v1/:project', (context, next) => {
    const token = tokens.read(context.get('x-auth-token'));
    if (token === undefined) throw unauthorized();
    const isTheirs = token.projectId === context.params.project;
    if (!isTheirs || directory.roles(token.userName, token.projectId).length === 0)
      throw heatFailure(403, 'Forbidden', '');
    context.state.userName = token.userName;
    context.state.methods = token.methods;
    return next();
  });
  router.get('/v1/:project/stacks', (context) => {
    context.body = {
      stacks: page(context, filtered(context, stacks.list(project(context)))).map((stack) => listed(context, stack)),
    };
  });
  router.post('/v1/:project/stacks', (context) => {
    // Heat keeps a trust for what it does later, and Keystone grants none to who was not signed in by the user.
    if (context.state.methods.includes('application_credential')) throw heatFailure(403, 'Forbidden', REFUSED_TRUST);
    const stack = stacks.create(newStack(context));
    context.status = 201;
    context.body = { stack: { id: stack.id, links: links(context, stack) } };
  });
  router.post('/v1/:project/stacks/preview', (context) => {
    const { name, ...content } = newStack(context);
    const resources = stacks.preview(content).map(({ name, type }) => ({ resource_name: name, resource_type: type }));
    context.body = { stack: { stack_name: name, resources } };
  });
  router.get('/v1/:project/stacks/:name', (context) => {
    const stack = stacks.find(project(context), String(context.params.name));
    if (stack === undefined) throw notFound(`The Stack (${context.params.name}) could not be found.`);
    context.status = 302;
    context.set('location', selfOf(context, stack));
    context.body = '';
  });
  addStackRoutes(router, stacks);
  app.use(router.routes());
  app.use(() => {
    throw notFound('The resource could not be found.');
  });
  return app;
}

/** What is asked of one stack, by its name and its id. */
function addStackRoutes(router: Router, stacks: Stacks): void {
  const under = '/v1/:project/stacks/:name/:id';
  router.get(under, (context) => {
    context.body = { stack: shown(context, named(context, stacks), stacks) };
  });
  router.delete(under, (context) => {
    stacks.remove(named(context, stacks));
    context.status = 204;
  });
  router.patch(under, (context) => {
    const stack = named(context, stacks);
    // Whether or not it says `existing`, it means what the stack has; a parameter that the template lacks is passed over.
    const { parameters: known } = readTemplate(stack.template);
    const given = Object.entries((bodyOf(context).parameters ?? {}) as Properties).filter(([name]) => name in known);
    stacks.update(stack, { ...stack, parameters: { ...stack.parameters, ...Object.fromEntries(given) } });
    accepted(context);
  });
  router.put(under, (context) => {
    const stack = named(context, stacks);
    stacks.update(stack, stackSource(bodyOf(context)));
    accepted(context);
  });
  router.post(`${under}/actions`, (context) => {
    if (!('check' in bodyOf(context))) throw new TemplateError('Invalid action', 'HTTPBadRequest');
    stacks.check(named(context, stacks));
    context.status = 200;
    context.body = '';
  });
  router.get(`${under}/resources`, (context) => {
    const stack = named(context, stacks);
    const depth = Math.min(Number(context.query.nested_depth ?? 0), MAX_NESTED);
    const placed = placedResources(stack, stack.resources, depth);
    context.body = { resources: placed.map((one) => resourceBody(context, one)) };
  });
  router.get(`${under}/resources/:resource`, (context: Context) => {
    const { id, resource: name } = context.params;
    const placed = stacks.resource(project(context), String(id), String(name));
    if (placed === undefined)
      throw notFound(`The Resource (${name}) could not be found in Stack ${context.params.name}.`);
    context.body = {
      resource: { ...resourceBody(context, placed), attributes: stacks.attributes(placed.resource) },
    };
  });
  router.get(`${under}/events`, (context) => {
    const stack = named(context, stacks);
    const events = context.query.sort_dir === 'desc' ? [...stack.events].reverse() : stack.events;
    context.body = { events: page(context, events).map((event) => eventBody(context, stack, event)) };
  });
}

function newStack(context: Context) {
  const body = bodyOf(context);
  const name = String(body.stack_name ?? '');
  if (!STACK_NAME.test(name)) {
    throw new TemplateError(
      `Invalid stack name ${name} must contain only alphanumeric or "_-." characters, must start with alpha and must be 255 characters or less.`,
    );
  }
  const tags = String(body.tags ?? '')
    .split(',')
    .map((tag) => tag.trim());
  // A rollback is not played: nobody here asks for one, and what real Heat leaves of it is a stack as well.
  if (body.disable_rollback === false) throw new TemplateError('disable_rollback must be true on microcloud.');
  return {
    name,
    projectId: project(context),
    owner: String(context.state.userName),
    tags: tags.filter((tag) => tag !== ''),
    ...stackSource(body),
    timeoutMinutes: Number(body.timeout_mins ?? DEFAULT_TIMEOUT_MINUTES),
  };
}

function stackSource(body: Record<string, unknown>) {
  if (body.template === undefined) throw new TemplateError('No template specified', 'HTTPBadRequest');
  return {
    template: body.template,
    environment: body.environment ?? {},
    files: (body.files ?? {}) as Record<string, string>,
    parameters: (body.parameters ?? {}) as Properties,
  };
}

/** Heat's answer to an update is a page for people. */
function accepted(context: Context): void {
  context.status = 202;
  context.type = 'html';
  context.body = '<html><head><title>202 Accepted</title></head><body><h1>202 Accepted</h1></body></html>';
}

function filtered(context: Context, stacks: readonly StackRecord[]): StackRecord[] {
  const { tags, name, status } = context.query;
  const wanted = typeof tags === 'string' ? tags.split(',') : [];
  return stacks.filter(
    (stack) =>
      wanted.every((tag) => stack.tags.includes(tag)) &&
      (name === undefined || [name].flat().includes(stack.name)) &&
      (status === undefined || [status].flat().includes(statusOf(stack))),
  );
}

/** What comes after the marker, as many as asked. */
function page<Item extends { readonly id: string }>(context: Context, items: readonly Item[]): readonly Item[] {
  const { marker, limit } = context.query;
  const from = marker === undefined ? 0 : items.findIndex(({ id }) => id === marker) + 1;
  return items.slice(from, limit === undefined ? undefined : from + Number(limit));
}

function named(context: Context, stacks: Stacks): StackRecord {
  const stack = stacks.get(project(context), String(context.params.id));
  if (stack?.name !== context.params.name || stack === undefined) {
    throw notFound(`The Stack (${context.params.name}) could not be found.`);
  }
  return stack;
}

function project(context: Context): string {
  return String(context.params.project);
}

function notFound(message: string): HttpError {
  return heatFailure(404, 'EntityNotFound', message);
}

function unauthorized(): HttpError {
  const message = 'The request you have made requires authentication.';
  return new HttpError(401, message, { error: { code: 401, title: 'Unauthorized', message } });
}

function heatFailure(status: number, type: string, message: string): HttpError {
  const [title, explanation] = EXPLANATIONS[status] ?? [
    'Internal Server Error',
    'The server has either erred or is incapable of performing the requested operation.',
  ];
  return new HttpError(status, message, {
    code: status,
    title,
    explanation,
    error: { type, message, traceback: null },
  });
}

function heatError(error: unknown): HttpError {
  if (error instanceof TemplateError)
    return heatFailure(error.type === 'StackExists' ? 409 : 400, error.type, error.message);
  if (error instanceof HttpError)
    return error.body === undefined ? heatFailure(error.status, 'HTTPBadRequest', error.message) : error;
  return heatFailure(500, 'InternalError', 'An unexpected error.');
}
