// Heat as the executor uses it. A stack is found by its name once, and asked by name and id from then on: by id a
// deleted stack still answers DELETE_COMPLETE, by name it is not found. Bodies of 202 and 204 are never read.

import { status } from '@grpc/grpc-js';
import { OpenStackError, saysNoRoom } from './errors.ts';
import { answerError, type HttpAnswer } from './http.ts';
import type { Keystone } from './keystone.ts';

const ORCHESTRATION = 'orchestration';
const PAGE = 200;
const MAX_PAGES = 50;
const MAX_TEXT_CHARACTERS = 300;
/** Of templates inside templates: Heat's own limit. */
const MAX_NESTED = 5;
const PREVIEW_NAME = 'argosy-preview';

/** What `show` tells of a stack. */
export interface Stack {
  readonly id: string;
  readonly name: string;
  /** Such as CREATE_COMPLETE. */
  readonly status: string;
  readonly reason: string;
  readonly tags: readonly string[];
  readonly parameters: Readonly<Record<string, string>>;
  readonly outputs: Readonly<Record<string, unknown>>;
}

/** What a listing tells of a stack. */
export type StackSummary = Pick<Stack, 'id' | 'name' | 'status' | 'reason' | 'tags'>;

export interface StackEvent {
  readonly id: string;
  /** The stack's own name for what concerns it as a whole. */
  readonly resourceName: string;
  readonly status: string;
  readonly reason: string;
}

/** A resource of a stack, or of a template inside it. */
export interface StackResource {
  readonly name: string;
  readonly type: string;
  readonly status: string;
  /** Empty as long as Heat knows of nothing that was made. */
  readonly physicalId: string;
  /** Where Heat tells more of it: the rest of a path that begins with `/stacks`. */
  readonly path: string;
}

export interface NewStack {
  readonly name: string;
  readonly tags: readonly string[];
  readonly template: unknown;
  readonly environment: unknown;
  /** The nested templates, by the name that the environment gives them. */
  readonly files: Readonly<Record<string, string>>;
  /** Lists and maps go to parameters of type json. */
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly timeoutMinutes: number;
}

/** Names one stack for good. */
export type StackRef = Pick<Stack, 'id' | 'name'>;

export interface Heat {
  /** Why Heat would refuse to make this; undefined when it would not. Nothing is made. */
  preview(stack: Pick<NewStack, 'template'>): Promise<string | undefined>;
  /**
   * Begins to make a stack of resources that are there already, by their ids; undefined where the operator's Heat lets
   * nobody adopt.
   */
  adopt(
    stack: Pick<NewStack, 'name' | 'tags' | 'template'>,
    resources: Readonly<Record<string, { readonly type: string; readonly id: string }>>,
  ): Promise<StackRef | undefined>;
  /** All resources of a stack, those inside its templates too. */
  resources(ref: StackRef): Promise<StackResource[]>;
  /** What a resource tells of itself now; empty when it is not there. */
  attributes(resource: StackResource): Promise<Readonly<Record<string, unknown>>>;
  /** Begins to make a stack. @throws OpenStackError of type `StackExists` when the project has one of this name. */
  create(stack: NewStack): Promise<StackRef>;
  /** Begins to change the stack to these parameters; the others stay. What failed before is tried again. */
  update(ref: StackRef, parameters: Readonly<Record<string, string | number>>, timeoutMinutes: number): Promise<void>;
  find(name: string): Promise<Stack | undefined>;
  /** The stack, also for a while after it was deleted; undefined when Heat has forgotten it. */
  show(ref: StackRef): Promise<Stack | undefined>;
  list(tag: string): Promise<StackSummary[]>;
  /** Begins to delete. A stack that is gone is no error. */
  remove(ref: StackRef): Promise<void>;
  /** The events after the marker, oldest first. */
  events(ref: StackRef, marker: string | undefined): Promise<StackEvent[]>;
  /** The newest event's id: a marker. */
  lastEvent(ref: StackRef): Promise<string | undefined>;
}

interface ResourceBody {
  readonly resource_name: string;
  readonly resource_type: string;
  readonly resource_status: string;
  readonly physical_resource_id: string | null;
  readonly links: readonly { readonly rel: string; readonly href: string }[];
}

interface StackBody {
  readonly id: string;
  readonly stack_name: string;
  readonly stack_status: string;
  readonly stack_status_reason: string | null;
  readonly tags: readonly string[] | string | null;
  readonly parameters?: Readonly<Record<string, string>>;
  readonly outputs?: readonly { readonly output_key: string; readonly output_value: unknown }[];
}

interface EventBody {
  readonly id: string;
  readonly resource_name: string;
  readonly resource_status: string;
  readonly resource_status_reason: string | null;
}

export class HeatClient implements Heat {
  readonly #keystone: Keystone;

  constructor(keystone: Keystone) {
    this.#keystone = keystone;
  }

  async create(stack: NewStack): Promise<StackRef> {
    const body = {
      stack_name: stack.name,
      tags: stack.tags.join(','),
      template: stack.template,
      environment: stack.environment,
      files: stack.files,
      parameters: stack.parameters,
      timeout_mins: stack.timeoutMinutes,
      disable_rollback: true,
    };
    const answer = await this.#keystone.request(ORCHESTRATION, { method: 'POST', path: '/stacks', body });
    if (answer.status === 403 && this.#keystone.isApplication && !saysNoRoom(answer.text)) {
      throw refusedTrust(answer, stack.name);
    }
    if (answer.status !== 201) throw answerError(answer, `Creating stack ${stack.name}`);
    return { id: (answer.body as { stack: { id: string } }).stack.id, name: stack.name };
  }

  async preview({ template }: Pick<NewStack, 'template'>): Promise<string | undefined> {
    const body = { stack_name: PREVIEW_NAME, disable_rollback: true, template };
    const answer = await this.#keystone.request(ORCHESTRATION, { method: 'POST', path: '/stacks/preview', body });
    if (answer.status === 200) return undefined;
    const error = answerError(answer, 'Previewing a stack');
    if (answer.status !== 400) throw error;
    return (answer.body as { error?: { message?: string } } | undefined)?.error?.message ?? error.message;
  }

  async adopt(
    { name, tags, template }: Pick<NewStack, 'name' | 'tags' | 'template'>,
    resources: Readonly<Record<string, { readonly type: string; readonly id: string }>>,
  ): Promise<StackRef | undefined> {
    const done = { action: 'CREATE', status: 'COMPLETE', metadata: {}, resource_data: {} };
    const known = Object.entries(resources).map(([key, { type, id }]) => [
      key,
      { ...done, name: key, type, resource_id: id },
    ]);
    const data = { name, template, environment: {}, resources: Object.fromEntries(known), ...done };
    const body = {
      ...{ stack_name: name, tags: tags.join(','), disable_rollback: true },
      adopt_stack_data: JSON.stringify(data),
    };
    const answer = await this.#keystone.request(ORCHESTRATION, { method: 'POST', path: '/stacks', body });
    if (answer.status === 201) return { id: (answer.body as { stack: { id: string } }).stack.id, name };
    const error = answerError(answer, `Adopting into stack ${name}`);
    if (error.type === 'NotSupported') return undefined;
    throw error;
  }

  async resources(ref: StackRef): Promise<StackResource[]> {
    const answer = await this.#get(`/stacks/${ref.name}/${ref.id}/resources?nested_depth=${MAX_NESTED}`);
    if (answer.status === 404) return [];
    if (answer.status !== 200) throw answerError(answer, `Listing the resources of stack ${ref.name}`);
    return (answer.body as { resources: ResourceBody[] }).resources.map((resource) => ({
      name: resource.resource_name,
      type: resource.resource_type,
      status: resource.resource_status,
      physicalId: resource.physical_resource_id ?? '',
      // As with a redirect: the host is Heat's own idea of itself.
      path: /\/stacks\/.+$/.exec(resource.links.find(({ rel }) => rel === 'self')?.href ?? '')?.[0] ?? '',
    }));
  }

  async attributes({ name, path }: StackResource): Promise<Readonly<Record<string, unknown>>> {
    const answer = await this.#get(path);
    if (answer.status === 404) return {};
    if (answer.status !== 200) throw answerError(answer, `Showing resource ${name}`);
    return (answer.body as { resource: { attributes?: Record<string, unknown> } }).resource.attributes ?? {};
  }

  async update(
    ref: StackRef,
    parameters: Readonly<Record<string, string | number>>,
    timeoutMinutes: number,
  ): Promise<void> {
    const body = { existing: true, parameters, timeout_mins: timeoutMinutes };
    const path = `/stacks/${ref.name}/${ref.id}`;
    const answer = await this.#keystone.request(ORCHESTRATION, { method: 'PATCH', path, body });
    if (answer.status !== 202) throw answerError(answer, `Updating stack ${ref.name}`);
  }

  async find(name: string): Promise<Stack | undefined> {
    const answer = await this.#get(`/stacks/${name}`);
    if (answer.status === 404) return undefined;
    if (answer.status === 200) return readStack(answer);
    if (answer.status !== 302) throw answerError(answer, `Finding stack ${name}`);

    // The redirect names the id. Its host is Heat's own idea of itself, so only the path's end is taken.
    const id = /\/stacks\/[^/]+\/([^/?]+)/.exec(String(answer.headers.location))?.[1];
    if (id === undefined) throw answerError(answer, `Finding stack ${name}`);
    const stack = await this.show({ id, name });
    return stack?.status === 'DELETE_COMPLETE' ? undefined : stack;
  }

  async show(ref: StackRef): Promise<Stack | undefined> {
    const answer = await this.#get(`/stacks/${ref.name}/${ref.id}`);
    if (answer.status === 404 && isStackMissing(answer)) return undefined;
    if (answer.status === 404) {
      const message = `Heat cannot show stack ${ref.name}: ${answer.text.slice(0, MAX_TEXT_CHARACTERS)}`;
      throw new OpenStackError(message, { code: status.UNAVAILABLE, httpStatus: answer.status });
    }
    if (answer.status !== 200) throw answerError(answer, `Showing stack ${ref.name}`);
    return readStack(answer);
  }

  async list(tag: string): Promise<StackSummary[]> {
    const found: StackSummary[] = [];
    let marker = '';
    for (let page = 0; page < MAX_PAGES; page += 1) {
      const answer = await this.#get(`/stacks?tags=${tag}&limit=${PAGE}${marker}`);
      if (answer.status !== 200) throw answerError(answer, 'Listing stacks');
      const stacks = (answer.body as { stacks: StackBody[] }).stacks;
      // What is deleted is listed for about a second longer.
      found.push(...stacks.map(summary).filter(({ status }) => status !== 'DELETE_COMPLETE'));
      const last = stacks.at(-1);
      if (last === undefined || stacks.length < PAGE) return found;
      marker = `&marker=${last.id}`;
    }
    return found;
  }

  async remove(ref: StackRef): Promise<void> {
    const answer = await this.#keystone.request(ORCHESTRATION, {
      method: 'DELETE',
      path: `/stacks/${ref.name}/${ref.id}`,
    });
    if (answer.status >= 300 && answer.status !== 404) throw answerError(answer, `Deleting stack ${ref.name}`);
  }

  async events(ref: StackRef, marker: string | undefined): Promise<StackEvent[]> {
    const from = marker === undefined ? '' : `&marker=${marker}`;
    return this.#events(ref, `sort_dir=asc&limit=${PAGE}${from}`);
  }

  async lastEvent(ref: StackRef): Promise<string | undefined> {
    return (await this.#events(ref, 'sort_dir=desc&limit=1'))[0]?.id;
  }

  async #events(ref: StackRef, query: string): Promise<StackEvent[]> {
    const answer = await this.#get(`/stacks/${ref.name}/${ref.id}/events?${query}`);
    if (answer.status === 404) return [];
    if (answer.status !== 200) throw answerError(answer, `Reading events of stack ${ref.name}`);
    return (answer.body as { events: EventBody[] }).events.map((event) => ({
      id: event.id,
      resourceName: event.resource_name,
      status: event.resource_status,
      reason: event.resource_status_reason ?? '',
    }));
  }

  #get(path: string): Promise<HttpAnswer> {
    return this.#keystone.request(ORCHESTRATION, { method: 'GET', path });
  }
}

/** What one could look for in vain for long: Heat says no more than that it is forbidden. */
function refusedTrust(answer: HttpAnswer, name: string): OpenStackError {
  const said = answerError(answer, `Creating stack ${name}`).message;
  const message =
    `${said} The executor signs in by an application credential, and Heat needs a trust of its user for each stack: a ` +
    'Keystone with the security fix of LP#2150089 grants none to an application credential. Give the executor the ' +
    "password of a service user, or let Keystone's operator set allow_insecure_application_credential_trust_escalation " +
    'in [security_compliance].';
  return new OpenStackError(message, { code: status.PERMISSION_DENIED, httpStatus: answer.status });
}

function summary(body: StackBody): StackSummary {
  const tags = typeof body.tags === 'string' ? body.tags.split(',') : (body.tags ?? []);
  return {
    id: body.id,
    name: body.stack_name,
    status: body.stack_status,
    reason: body.stack_status_reason ?? '',
    tags: tags.map((tag) => tag.trim()),
  };
}

/** Heat answers 404 also when it cannot read a part of a stack that is there: such a stack is not gone. */
function isStackMissing(answer: HttpAnswer): boolean {
  return (answer.body as { error?: { type?: string } } | undefined)?.error?.type === 'EntityNotFound';
}

function readStack(answer: HttpAnswer): Stack {
  const body = (answer.body as { stack: StackBody }).stack;
  const outputs = Object.fromEntries((body.outputs ?? []).map((output) => [output.output_key, output.output_value]));
  return { ...summary(body), parameters: body.parameters ?? {}, outputs };
}
