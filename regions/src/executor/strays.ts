// Servers that a Heat has lost: it asked Nova for one and died before it wrote down which. Heat can neither list nor find
// them, but the port that such a server was given is still the stack's, and says who has it. What is found so is kept in
// Heat, as a stack that names the server as somebody else's (`external_id`), so that any executor finds it again, and so
// that Heat can be asked whether it is still there.
import { type Clock, pause } from '@argosy/proto';
import type { Logger } from 'pino';
import { OpenStackError } from '../openstack/errors.ts';
import type { Heat, StackRef, StackSummary } from '../openstack/heat.ts';
import { STACK_TIMEOUT_MINUTES, stackName, stackTag } from './stack-request.ts';

const PORT = 'OS::Neutron::Port';
const SERVER = 'OS::Nova::Server';
const ADOPT_LIMIT_MS = 60_000;
const ADOPT_POLL_MS = 200;

export interface Stray {
  readonly serverId: string;
  /** Whose port it had. */
  readonly memberId: string;
  /** What Heat keeps of it. */
  readonly stack: StackSummary;
}

export interface StraysWorld {
  readonly federation: string;
  readonly heat: Heat;
  readonly log: Logger;
}

/** Something that the region has: without it a template with a server is not valid. */
export interface ServerDefaults {
  readonly image: string;
  readonly flavor: string;
  readonly network: string;
}

function strayTag(federation: string): string {
  return `${stackTag(federation)}-stray`;
}

/** A server that has the stack's port and is none of the stack's. Only asked while nothing is under way in it. */
export async function findStray(heat: Heat, ref: StackRef): Promise<string | undefined> {
  const resources = await heat.resources(ref);
  const port = resources.find(({ type, physicalId }) => type === PORT && physicalId !== '');
  if (port === undefined) return undefined;
  const { device_id: holder } = await heat.attributes(port);
  if (typeof holder !== 'string' || holder === '') return undefined;
  return resources.some(({ type, physicalId }) => type === SERVER && physicalId === holder) ? undefined : holder;
}

/** Looks whether a stack has lost a server, and keeps it. What cannot be asked now is not found: nothing waits for it. */
export async function keepStray(world: StraysWorld, ref: StackRef, memberId: string): Promise<string | undefined> {
  const { federation, heat, log } = world;
  try {
    const serverId = await findStray(heat, ref);
    if (serverId === undefined) return undefined;
    log.error(
      { server: serverId, member_id: memberId, stack: ref.name },
      'Heat has lost a server: nobody will remove it',
    );
    await heat.create({
      name: `${strayTag(federation)}-${serverId}`,
      tags: [strayTag(federation), memberId],
      template: foreign(serverId),
      environment: {},
      files: {},
      parameters: {},
      timeoutMinutes: STACK_TIMEOUT_MINUTES,
    });
    return serverId;
  } catch (error) {
    if (!(error instanceof OpenStackError)) throw error;
    if (error.type !== 'StackExists') log.warn({ err: error, stack: ref.name }, 'a lost server was not looked for');
    return undefined;
  }
}

/** Those that are kept and still lost. One that an operator has removed, or that a stack has, is forgotten. @throws OpenStackError */
export async function listStrays({ federation, heat, log }: StraysWorld): Promise<Stray[]> {
  const found: Stray[] = [];
  for (const stack of await heat.list(strayTag(federation))) {
    const serverId = stack.name.slice(strayTag(federation).length + 1);
    const memberId = stack.tags.find((tag) => tag !== strayTag(federation)) ?? '';
    const isThere = (await heat.preview({ template: foreign(serverId) })) === undefined;
    if (isThere && !(await isOfMember(heat, stackName(federation, memberId), serverId))) {
      found.push({ serverId, memberId, stack });
      continue;
    }
    log.info({ server: serverId, member_id: memberId, gone: !isThere }, 'a server that was lost is not any more');
    await heat.remove(stack);
  }
  return found;
}

/** Only the stack whose port it had could own it after all. What is removed later must be nobody's now. */
async function isOfMember(heat: Heat, name: string, serverId: string): Promise<boolean> {
  const stack = await heat.find(name);
  const resources = stack === undefined ? [] : await heat.resources(stack);
  return resources.some(({ type, physicalId }) => type === SERVER && physicalId === serverId);
}

/**
 * Gives a lost server to a stack that owns it, so that it goes with the stack; answers the stack, or nothing where Heat
 * lets nobody adopt, which is how it comes. @throws OpenStackError
 */
export async function adoptStray(
  { federation, heat, clock, server }: StraysWorld & { readonly clock: Clock; readonly server: ServerDefaults },
  stray: StackSummary,
): Promise<StackRef | undefined> {
  const serverId = stray.name.slice(strayTag(federation).length + 1);
  const { image, flavor, network } = server;
  const resources = { server: { type: SERVER, properties: { image, flavor, networks: [{ network }] } } };
  const ref = await heat.adopt(
    {
      name: `${strayTag(federation)}-end-${serverId}`,
      tags: [`${strayTag(federation)}-end`],
      template: hot(resources),
    },
    { server: { type: SERVER, id: serverId } },
  );
  if (ref === undefined) return undefined;
  const end = clock.monotonicMs() + ADOPT_LIMIT_MS;
  while ((await heat.show(ref))?.status.endsWith('_IN_PROGRESS') && clock.monotonicMs() < end) {
    await pause(clock, ADOPT_POLL_MS);
  }
  return ref;
}

/** A server that a stack knows of, does not change, and leaves alone when it is deleted. */
function foreign(serverId: string): object {
  const server = {
    type: SERVER,
    external_id: serverId,
    properties: { flavor: 'none', networks: [{ network: 'none' }] },
  };
  return hot({ server });
}

function hot(resources: object): object {
  return { heat_template_version: '2021-04-16', resources };
}
