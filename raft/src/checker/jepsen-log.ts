// Histories of one register as Jepsen logs them: a line for each event, with the process, what happened, the
// function and its value. Other lines, and what the nemesis did, are not part of the history.
import type { RegisterInput, RegisterOperation, RegisterOutput, RegisterValue } from './register.ts';

export class HistorySyntaxError extends Error {
  override readonly name = 'HistorySyntaxError';
}

const eventPattern = /(?:^|\s)(\d+)\s+:(invoke|ok|fail|info)\s+:([\w-]+)(?:\s+(.*?))?\s*$/;

interface Pending {
  readonly input: RegisterInput;
  readonly invokedAt: number;
}

/** Times are line numbers. Throws HistorySyntaxError. */
export function parseJepsenLog(text: string): RegisterOperation[] {
  const operations: RegisterOperation[] = [];
  const pending = new Map<number, Pending>();
  let events = 0;
  text.split('\n').forEach((line, at) => {
    const match = eventPattern.exec(line);
    if (match === null) return;
    const [, name = '', kind, operation = '', value = ''] = match;
    events += 1;
    const process = Number(name);
    const here = at + 1;
    if (kind === 'invoke') {
      // Who asks again without an answer will never learn what became of the former question.
      const lost = pending.get(process);
      if (lost !== undefined) operations.push({ process, ...lost, answer: undefined });
      pending.set(process, { input: inputOf(operation, value, here), invokedAt: here });
      return;
    }
    const asked = pending.get(process);
    if (asked === undefined) throw new HistorySyntaxError(`Line ${here}: process ${process} has not asked anything.`);
    if (asked.input.type !== operation) {
      throw new HistorySyntaxError(`Line ${here}: process ${process} asked ${asked.input.type}, not ${operation}.`);
    }
    pending.delete(process);
    const output = outputOf(asked.input, kind, value, here);
    if (output === 'did-not-happen') return;
    const answer = output === 'unknown' ? undefined : { output, at: here };
    operations.push({ process, ...asked, answer });
  });
  if (events === 0) throw new HistorySyntaxError('It holds no event of a history.');
  for (const [process, asked] of pending) operations.push({ process, ...asked, answer: undefined });
  return operations;
}

function inputOf(operation: string, value: string, line: number): RegisterInput {
  switch (operation) {
    case 'read':
      return { type: 'read' };
    case 'write':
      return { type: 'write', value: parseValue(value, line) };
    case 'cas':
      return { type: 'cas', ...parsePair(value, line) };
    default:
      throw new HistorySyntaxError(`Line ${line}: a register knows read, write and cas, not ${operation}.`);
  }
}

/**
 * What the process learnt. A compare-and-set that failed has seen another value; one that timed out has seen nothing,
 * whatever it is called. A read that nobody answered has no effect on anybody.
 */
function outputOf(
  input: RegisterInput,
  kind: string | undefined,
  value: string,
  line: number,
): RegisterOutput | 'unknown' | 'did-not-happen' {
  if (kind === 'ok') {
    if (input.type === 'read') return { type: 'read', value: parseValue(value, line) };
    return input.type === 'write' ? { type: 'write' } : { type: 'cas', isSet: true };
  }
  if (input.type === 'read') return 'did-not-happen';
  if (kind === 'info') return 'unknown';
  if (input.type === 'cas' && value.startsWith('[')) return { type: 'cas', isSet: false };
  return /time|unknown/.test(value) ? 'unknown' : 'did-not-happen';
}

function parseValue(text: string, line: number): RegisterValue {
  if (text === 'nil' || text === ':nil') return undefined;
  if (/^-?\d+$/.test(text)) return Number(text);
  throw new HistorySyntaxError(`Line ${line}: "${text}" is neither a number nor nil.`);
}

function parsePair(text: string, line: number): { from: RegisterValue; to: RegisterValue } {
  const match = /^\[(\S+)\s+(\S+)\]$/.exec(text);
  if (match === null) throw new HistorySyntaxError(`Line ${line}: "${text}" is no pair of values.`);
  return { from: parseValue(match[1] ?? '', line), to: parseValue(match[2] ?? '', line) };
}
