// Passes a typed command to a member's agent, and the agent's answer or refusal back unchanged.

import {
  type AgentServiceClient,
  type CommandMemberRequest,
  type CommandMemberResponse,
  callUnary,
} from '@argosy/proto';
import { type ServerUnaryCall, status } from '@grpc/grpc-js';
import { CommandError } from './command-error.ts';

/** For a caller that gave no deadline. A seed copies a whole database. */
const DEFAULT_LIMIT_MS = 30 * 60_000;

type Command = NonNullable<CommandMemberRequest['command']>;

/** Whom a command is for. @throws CommandError INVALID_ARGUMENT */
export function recipient(request: CommandMemberRequest): string {
  const memberId = request.command?.value.header?.memberId ?? '';
  if (memberId === '') throw new CommandError(status.INVALID_ARGUMENT, 'The command names no member.');
  return memberId;
}

/** Calls the agent within what is left of the caller's deadline. @throws grpc.ServiceError as the agent gave it */
export async function relay(
  client: AgentServiceClient,
  command: Command,
  call: ServerUnaryCall<CommandMemberRequest, CommandMemberResponse>,
): Promise<CommandMemberResponse> {
  const cancelling = new AbortController();
  call.on('cancelled', () => cancelling.abort());
  const options = { deadline: remaining(call), signal: cancelling.signal };
  switch (command.$case) {
    case 'initialise': {
      const value = await callUnary(client.initialise.bind(client), command.value, options);
      return { answer: { $case: 'initialise', value } };
    }
    case 'promote': {
      const value = await callUnary(client.promote.bind(client), command.value, options);
      return { answer: { $case: 'promote', value } };
    }
    case 'seed': {
      const value = await callUnary(client.seed.bind(client), command.value, options);
      return { answer: { $case: 'seed', value } };
    }
    case 'rejoin': {
      const value = await callUnary(client.rejoin.bind(client), command.value, options);
      return { answer: { $case: 'rejoin', value } };
    }
    case 'follow': {
      const value = await callUnary(client.follow.bind(client), command.value, options);
      return { answer: { $case: 'follow', value } };
    }
    case 'promise': {
      const value = await callUnary(client.promise.bind(client), command.value, options);
      return { answer: { $case: 'promise', value } };
    }
    case 'rest': {
      const value = await callUnary(client.rest.bind(client), command.value, options);
      return { answer: { $case: 'rest', value } };
    }
    case 'rehearse': {
      const value = await callUnary(client.rehearse.bind(client), command.value, options);
      return { answer: { $case: 'rehearse', value } };
    }
    case 'setParameters': {
      const value = await callUnary(client.setParameters.bind(client), command.value, options);
      return { answer: { $case: 'setParameters', value } };
    }
    case 'setAccounts': {
      const value = await callUnary(client.setAccounts.bind(client), command.value, options);
      return { answer: { $case: 'setAccounts', value } };
    }
    case 'found':
    case 'join':
    case 'dismiss':
    case 'refound':
      return await relayRuled(client, command, options);
    case 'open': {
      const value = await callUnary(client.open.bind(client), command.value, options);
      return { answer: { $case: 'open', value } };
    }
  }
}

type Ruled = Extract<Command, { $case: 'found' | 'join' | 'dismiss' | 'refound' }>;

/** To a member whose engine rules itself. */
async function relayRuled(
  client: AgentServiceClient,
  command: Ruled,
  options: { readonly deadline: Date; readonly signal: AbortSignal },
): Promise<CommandMemberResponse> {
  switch (command.$case) {
    case 'found': {
      const value = await callUnary(client.found.bind(client), command.value, options);
      return { answer: { $case: 'found', value } };
    }
    case 'join': {
      const value = await callUnary(client.join.bind(client), command.value, options);
      return { answer: { $case: 'join', value } };
    }
    case 'dismiss': {
      const value = await callUnary(client.dismiss.bind(client), command.value, options);
      return { answer: { $case: 'dismiss', value } };
    }
    case 'refound': {
      const value = await callUnary(client.refound.bind(client), command.value, options);
      return { answer: { $case: 'refound', value } };
    }
  }
}

function remaining(call: Pick<ServerUnaryCall<unknown, unknown>, 'getDeadline'>): Date {
  const deadline = call.getDeadline();
  if (deadline instanceof Date) return deadline;
  return Number.isFinite(deadline) ? new Date(deadline) : new Date(Date.now() + DEFAULT_LIMIT_MS);
}
