// `argosy operation ...`
import type { Command } from 'commander';
import { assertDone, DEFAULT_TIMEOUT_SECONDS, followOperation } from './follow.ts';
import { seconds } from './option-values.ts';
import { type Operation, operationAnswer, operationsAnswer } from './resources.ts';
import type { OpenSession } from './session.ts';
import { errorText, operationTarget, renderSteps } from './steps.ts';
import { renderFields, renderTable } from './tables.ts';
import { agoText } from './times.ts';

export function addOperationCommands(program: Command, open: OpenSession): void {
  const operation = program.command('operation').description('changes under way, and those that have ended');
  operation
    .command('list')
    .description('the newest operations of your project')
    .action(async (_options, command: Command) => {
      const { client, terminal, clock } = await open(command);
      const answer = await client.get('/v2/operations', operationsAnswer);
      terminal.out(isJson(command) ? JSON.stringify(answer, undefined, 2) : renderList(answer.operations, clock.now()));
    });
  operation
    .command('show <id>')
    .description('one operation with its steps')
    .action(async (id: string, _options, command: Command) => {
      const { client, terminal, clock } = await open(command);
      const answer = await client.get(`/v2/operations/${encodeURIComponent(id)}`, operationAnswer);
      terminal.out(
        isJson(command) ? JSON.stringify(answer, undefined, 2) : renderOperation(answer.operation, clock.now()),
      );
    });
  operation
    .command('wait <id>')
    .description('wait until an operation has ended, and show its steps')
    .option('--timeout <seconds>', 'how long to wait', seconds, DEFAULT_TIMEOUT_SECONDS)
    .action(async (id: string, options: { timeout: number }, command: Command) => {
      const { client, terminal, clock } = await open(command);
      const shown = isJson(command) ? undefined : terminal;
      const ended = await followOperation(id, { client, clock, terminal: shown, timeoutSeconds: options.timeout });
      if (isJson(command)) terminal.out(JSON.stringify({ operation: ended }, undefined, 2));
      assertDone(ended);
      shown?.out(`Operation ${ended.id} is done.`);
    });
  operation
    .command('cancel <id>')
    .description('lead back to what was wished before')
    .action(async (id: string, _options, command: Command) => {
      const { client, terminal } = await open(command);
      const answer = await client.post(`/v2/operations/${encodeURIComponent(id)}/cancel`, {}, operationAnswer);
      terminal.out(
        isJson(command)
          ? JSON.stringify(answer, undefined, 2)
          : `Operation ${id} is being cancelled; it ends when the way back is done.`,
      );
    });
}

function renderList(operations: readonly Operation[], now: Date): string {
  if (operations.length === 0) return 'There are no operations.';
  return renderTable(
    ['id', 'kind', 'target', 'status', 'steps', 'began'],
    operations.map((operation) => [
      operation.id,
      operation.kind,
      targetText(operation),
      operation.status,
      `${operation.steps.filter((step) => step.status === 'DONE').length}/${operation.steps.length}`,
      agoText(operation.created_at, now),
    ]),
  );
}

function renderOperation(operation: Operation, now: Date): string {
  const fields = renderFields([
    ['id', operation.id],
    ['kind', operation.kind],
    ['target', targetText(operation)],
    ['status', operation.status],
    ['error', errorText(operation.error)],
    ['created', operation.created_at],
    ['updated', operation.updated_at],
  ]);
  return [fields, ...renderSteps(operation, now)].join('\n');
}

function targetText(operation: Operation): string | undefined {
  const { name, id } = operationTarget(operation);
  return name ?? id;
}

function isJson(command: Command): boolean {
  return command.optsWithGlobals().json === true;
}
