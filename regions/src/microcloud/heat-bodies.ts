// What Heat answers, as JSON: stacks, resources and events, with the names and the formats of the real one.
import type { Context } from 'koa';
import { readTemplate } from './hot.ts';
import type { Placed, StackEventRecord, StackRecord } from './stack-records.ts';
import type { Stacks } from './stacks.ts';

const HIDDEN = '******';

export function listed(context: Context, stack: StackRecord): Record<string, unknown> {
  return {
    id: stack.id,
    stack_name: stack.name,
    stack_status: statusOf(stack),
    stack_status_reason: stack.reason,
    description: (stack.template as { description?: string }).description ?? 'No description',
    creation_time: seconds(stack.createdAt),
    updated_time: stack.updatedAt === null ? null : seconds(stack.updatedAt),
    deletion_time: stack.deletedAt === null ? null : seconds(stack.deletedAt),
    stack_owner: stack.owner,
    stack_user_project_id: null,
    parent: null,
    tags: stack.tags.length === 0 ? null : stack.tags,
    links: links(context, stack),
  };
}

export function shown(context: Context, stack: StackRecord, stacks: Stacks): Record<string, unknown> {
  const schema = readTemplate(stack.template).parameters;
  const parameters = Object.entries(stack.parameters).map(([name, value]) => [
    name,
    schema[name]?.hidden === true ? HIDDEN : textOf(value),
  ]);
  const builtIn = { 'OS::project_id': stack.projectId, 'OS::stack_id': stack.id, 'OS::stack_name': stack.name };
  return {
    ...listed(context, stack),
    capabilities: [],
    notification_topics: [],
    disable_rollback: true,
    timeout_mins: stack.timeoutMinutes,
    template_description: (stack.template as { description?: string }).description ?? 'No description',
    parameters: { ...builtIn, ...Object.fromEntries(parameters) },
    outputs: stacks
      .outputs(stack)
      .map(({ key, description, value }) => ({ output_key: key, description, output_value: value })),
  };
}

export function resourceBody(context: Context, placed: Placed): Record<string, unknown> {
  const { resource, in: stack, parent } = placed;
  const self = selfOf(context, stack);
  return {
    resource_name: resource.name,
    logical_resource_id: resource.name,
    physical_resource_id: resource.physicalId,
    resource_type: resource.type,
    resource_status: resource.status,
    resource_status_reason: resource.reason,
    creation_time: seconds(stack.createdAt),
    updated_time: seconds(resource.updatedAt),
    required_by: [],
    ...(parent === undefined ? {} : { parent_resource: parent }),
    links: [
      { rel: 'self', href: `${self}/resources/${resource.name}` },
      { rel: 'stack', href: self },
    ],
  };
}

export function eventBody(context: Context, stack: StackRecord, event: StackEventRecord): Record<string, unknown> {
  return {
    id: event.id,
    event_time: seconds(event.time),
    resource_name: event.resourceName,
    logical_resource_id: event.resourceName,
    physical_resource_id: event.physicalId,
    resource_status: event.status,
    resource_status_reason: event.reason,
    links: [{ rel: 'self', href: `${selfOf(context, stack)}/resources/${event.resourceName}/events/${event.id}` }],
  };
}

export function links(context: Context, stack: StackRecord): object[] {
  return [{ rel: 'self', href: selfOf(context, stack) }];
}

export function selfOf(context: Context, stack: Placed['in']): string {
  return `http://${context.host}/v1/${stack.projectId}/stacks/${stack.name}/${stack.id}`;
}

export function statusOf(stack: StackRecord): string {
  return `${stack.action}_${stack.status}`;
}

function textOf(value: unknown): string {
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

/** Heat tells times without fractions. */
function seconds(time: string): string {
  return time.replace(/\.\d+Z$/, 'Z');
}
