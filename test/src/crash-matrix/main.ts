// `npm run crash-matrix [-- OPTIONS]`.
import { parseArgs } from 'node:util';
import { runMatrix, tableOf } from './matrix.ts';
import { operations } from './operations.ts';

const USAGE = `Usage: npm run crash-matrix [-- OPTIONS]

Kills every process at every step of every operation, and sees that the operation ends well.

  --sample N          only N kills, spread over steps and processes
  --seed S            which ones (default: drawn, and printed)
  --cell NAME         only this cell (create/seed/executor) or this kill of it (create/seed/executor/executed/2)
  --operations A,B    only these operations (default: all)
  --together N        up to N kills in one run of an operation (default 1); what fails is repeated in halves
  --workers N         N federations side by side (default 1): a machine of two processors has work enough for two
  --record FILE       write into FILE which kills ended well, and leave out those that stand there: a long run goes on
  --keep              keep the state of a federation in which a cell failed`;
const SEEDS = 1_000_000;

const { values } = parseArgs({
  options: {
    sample: { type: 'string' },
    seed: { type: 'string' },
    cell: { type: 'string' },
    operations: { type: 'string' },
    together: { type: 'string', default: '1' },
    workers: { type: 'string', default: '1' },
    record: { type: 'string' },
    keep: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  process.stdout.write(`${USAGE}\n`);
  process.exit(0);
}
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
const say = (line: string): void => void process.stdout.write(`${line}\n`);
const results = await runMatrix({
  sample: values.sample === undefined ? undefined : Number(values.sample),
  seed: values.seed === undefined ? Math.floor(Math.random() * SEEDS) : Number(values.seed),
  together: Number(values.together),
  workers: Number(values.workers),
  cell: values.cell,
  operations: chosenOperations(),
  say,
  record: values.record,
  keepsFailed: values.keep,
});
const failed = results.filter(({ outcome }) => outcome === 'failed').length;
const passed = results.filter(({ outcome }) => outcome === 'ok').length;
for (const line of ['', ...tableOf(results)]) say(line);
say(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 && passed > 0 ? 0 : 1);

function chosenOperations(): string[] {
  if (values.cell !== undefined) return [values.cell.split('/')[0] ?? ''];
  return values.operations?.split(',') ?? operations.map(({ name }) => name);
}
