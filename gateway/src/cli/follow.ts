// Follows an operation to its end, and shows its steps while they happen.
import { type Clock, pause } from '@argosy/proto';
import { CommandError, UnreachableError } from './errors.ts';
import type { GatewayClient } from './gateway-client.ts';
import { type Operation, operationAnswer } from './resources.ts';
import { errorText, renderSteps, stepChanges } from './steps.ts';
import type { Terminal } from './terminal.ts';

const POLL_INTERVAL_MS = 250;
/** How long an operation is waited for unless the user says otherwise. */
export const DEFAULT_TIMEOUT_SECONDS = 15 * 60;

export interface FollowOptions {
  readonly client: GatewayClient;
  readonly clock: Clock;
  /** Shows nothing when it is left out. */
  readonly terminal?: Terminal | undefined;
  readonly timeoutSeconds?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Waits until an operation has ended, in whatever way. When a failover took its place, which leads to the same wish,
 * that one is waited for.
 * @throws CommandError when it takes longer than it may.
 */
export async function followOperation(operationId: string, options: FollowOptions): Promise<Operation> {
  const { client, clock, terminal, timeoutSeconds = DEFAULT_TIMEOUT_SECONDS } = options;
  const start = clock.monotonicMs();
  let before: Operation | undefined;
  let followed = operationId;
  for (;;) {
    const operation = await readOperation(client, followed);
    if (operation !== undefined) {
      show(terminal, before, operation, clock.now());
      before = operation;
      const next = operation.superseded_by ?? undefined;
      const successor = next === undefined ? undefined : await readOperation(client, next);
      if (next !== undefined && successor?.kind === 'cluster.failover') {
        terminal?.out(`The primary was lost meanwhile; operation ${next} goes on with it.`);
        followed = next;
        before = undefined;
      } else if (operation.status !== 'RUNNING' && (next === undefined || successor !== undefined)) return operation;
    }
    if (clock.monotonicMs() - start > timeoutSeconds * 1_000) {
      terminal?.redraw([]);
      throw new CommandError(
        `Operation ${followed} has not ended within ${timeoutSeconds} s; it goes on. See "argosy operation show ${followed}".`,
      );
    }
    await pause(clock, POLL_INTERVAL_MS, options.signal);
    if (options.signal?.aborted) throw new CommandError('Interrupted.');
  }
}

/** @throws CommandError when the operation has not done what was asked. */
export function assertDone(operation: Operation): void {
  if (operation.status === 'DONE') return;
  const step = operation.steps.find((candidate) => candidate.status === 'FAILED');
  const reason = errorText(operation.error) ?? errorText(step?.error) ?? 'no reason was given';
  throw new CommandError(`Operation ${operation.id} ended ${operation.status}: ${reason}`);
}

/** A gateway that is away for a moment does not end the wait. */
async function readOperation(client: GatewayClient, operationId: string): Promise<Operation | undefined> {
  try {
    return (await client.get(`/v2/operations/${encodeURIComponent(operationId)}`, operationAnswer)).operation;
  } catch (error) {
    if (error instanceof UnreachableError) return undefined;
    throw error;
  }
}

function show(terminal: Terminal | undefined, before: Operation | undefined, after: Operation, now: Date): void {
  if (terminal === undefined) return;
  if (!terminal.isInteractive) {
    for (const line of stepChanges(before, after)) terminal.out(line);
    return;
  }
  const lines = renderSteps(after, now);
  if (after.status === 'RUNNING') {
    terminal.redraw(lines);
    return;
  }
  terminal.redraw([]);
  for (const line of lines) terminal.out(line);
}
