// The methods of ExecutorService: each reads, hands over and answers; what goes wrong becomes a status.

import type { Clock, ExecutorServiceServer, RegionPeer, RegionReport } from '@argosy/proto';
import { type ServerUnaryCall, type sendUnaryData, status } from '@grpc/grpc-js';
import type { Logger } from 'pino';
import type { Heat } from '../openstack/heat.ts';
import type { AgentLinks } from './agent-links.ts';
import type { Auditor } from './audit.ts';
import { CommandError, isServiceError, toStatus } from './command-error.ts';
import type { ExecutorSettings } from './config.ts';
import { type Location, readMemberStack } from './member-stack.ts';
import type { Members } from './members.ts';
import type { Metrics } from './metrics.ts';
import { serveObserve } from './observe-stream.ts';
import type { RegionWatch } from './region-watch.ts';
import { recipient, relay } from './relay.ts';
import { checkSpec, stackName } from './stack-request.ts';

export interface ServiceWorld {
  readonly config: ExecutorSettings;
  readonly members: Members;
  readonly auditor: Auditor;
  readonly watch: RegionWatch;
  readonly heat: Heat;
  readonly links: AgentLinks;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
  report(): RegionReport;
  /** The gateway says which other regions there are. */
  told(peers: readonly RegionPeer[]): void;
}

export function createService(world: ServiceWorld): ExecutorServiceServer {
  return {
    ensureMember: unary(world, 'EnsureMember', async ({ request }) => {
      const { header, member } = request;
      if (member === undefined) throw new CommandError(status.INVALID_ARGUMENT, 'The command has no member.');
      if (header !== undefined && header.memberId !== member.memberId) {
        throw new CommandError(status.INVALID_ARGUMENT, 'Header and member name different members.');
      }
      checkSpec(member, world.config);
      return world.members.ensure(member);
    }),
    removeMember: unary(world, 'RemoveMember', async ({ request }) => {
      const memberId = request.header?.memberId ?? '';
      if (!/^[A-Za-z0-9-]+$/.test(memberId)) {
        throw new CommandError(status.INVALID_ARGUMENT, `"${memberId}" is not a member's id.`);
      }
      return { existed: await world.members.remove(memberId) };
    }),
    commandMember: unary(world, 'CommandMember', async (call) => {
      const memberId = recipient(call.request);
      const location = await locate(world, memberId);
      const { command } = call.request;
      if (command === undefined) throw new CommandError(status.INVALID_ARGUMENT, 'There is no command.');
      return relay(world.links.client(location), command, call);
    }),
    audit: unary(world, 'Audit', async ({ request }) => {
      const { members, clusters, remove } = request;
      world.auditor.tell({ members, clusters });
      return { orphans: await world.auditor.repair(remove) };
    }),
    observe: (call) => {
      world.told(call.request.peers);
      serveObserve(call, world).catch((error: unknown) => {
        world.log.error({ err: error }, 'a watcher was dropped');
        call.destroy(error as Error);
      });
    },
  };
}

/** Where a member is: as last seen, else as Heat says now. @throws CommandError NOT_FOUND */
async function locate(world: ServiceWorld, memberId: string): Promise<Location> {
  const seen = world.watch.member(memberId)?.location;
  if (seen !== undefined) return seen;
  const stack = await world.heat.find(stackName(world.config.federation, memberId));
  const location = stack === undefined ? undefined : readMemberStack(stack, world.config)?.location;
  if (location !== undefined) return location;
  if (stack === undefined)
    throw new CommandError(status.NOT_FOUND, `${world.config.region} has no member ${memberId}.`);
  throw new CommandError(status.UNAVAILABLE, `Member ${memberId} has no address yet.`);
}

function unary<Request, Response>(
  world: ServiceWorld,
  name: string,
  handle: (call: ServerUnaryCall<Request, Response>) => Promise<Response>,
): (call: ServerUnaryCall<Request, Response>, callback: sendUnaryData<Response>) => void {
  return (call, callback) => {
    handle(call).then(
      (response) => {
        world.metrics.request(name, 'OK');
        callback(null, response);
      },
      (error: unknown) => {
        const told = toStatus(error);
        world.metrics.request(name, status[told.code] ?? 'UNKNOWN');
        // An agent's refusal is the agent's to log.
        const level = told.code === status.INTERNAL ? 'error' : 'warn';
        if (!isServiceError(error))
          world.log[level]({ err: error, method: name, code: status[told.code] }, 'command failed');
        callback(told);
      },
    );
  };
}
