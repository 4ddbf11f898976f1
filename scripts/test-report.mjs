// The words in which a test run is told.
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

export function seconds(ms) {
  return `${(ms / 1000).toFixed(1)} s`;
}

/** The line that every test command ends with. */
export function countsLine({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`;
}

export function indent(text, by = '      ') {
  return text.replace(/^(?=.)/gm, by);
}

/** A completed file: one line, then what was skipped and why, then its failures in full. */
export function describeFile(name, file, durationMs) {
  const { passed, failures, skipped } = file;
  const counts = countsLine({ passed, failed: failures.length, skipped: skipped.length });
  const lines = [`${failures.length === 0 ? '✔' : '✘'} ${name}  ${counts}  ${seconds(durationMs)}`];
  for (const { title, reason } of skipped) {
    lines.push(`    skipped: ${title}${reason === undefined ? '' : ` (${reason})`}`);
  }
  for (const { title, text, logs = [] } of failures) {
    lines.push('', `    failed: ${name} › ${title}`, indent(text));
    if (logs.length > 0) lines.push(indent(`It logged:\n${logs.join('\n')}`));
  }
  if (failures.length > 0) {
    if (file.output.trim() !== '') lines.push('', indent(`The file printed:\n${file.output.trimEnd()}`, '    '));
    lines.push('');
  }
  return lines.join('\n');
}

/** An error as AVA hands it over: what was asserted, the difference, where, and the causes. */
export function describeError(error) {
  if (error.type === 'unknown') return error.formattedError;
  if (error.type === 'aggregate') return [error.message, ...error.errors.map(describeError)].join('\n');

  const lines = [];
  if (error.type === 'ava') {
    lines.push([error.assertion, error.message].filter(Boolean).join(': '));
    for (const { label, formatted } of error.formattedDetails ?? []) lines.push(label, indent(formatted, '  '));
  }
  lines.push(shortStack(error.stack ?? `${error.name}: ${error.message}`, error.type === 'native'));
  for (const cause of error.causes ?? []) lines.push(`caused by ${shortStack(cause, true)}`);
  return lines.filter((line) => line !== '').join('\n');
}

/** The frames of ours, with names from the repository's root. */
function shortStack(stack, withMessage) {
  const isFrame = (line) => /^\s+at /.test(line);
  const isForeign = (line) => line.includes('/node_modules/') || line.includes('node:internal') || !line.includes('/');
  return stack
    .split('\n')
    .filter((line) => (isFrame(line) ? !isForeign(line) : withMessage))
    .map((line) => line.replaceAll(`file://${root}/`, '').replaceAll(`${root}/`, ''))
    .join('\n');
}
