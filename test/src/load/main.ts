// `node test/dist/load/main.js [CLUSTERS]`: prints what the load costs.
import { run } from './load.ts';

const { rows, failures } = await run(...process.argv.slice(2, 3).map(Number));
for (const row of rows) process.stdout.write(`${JSON.stringify(row)}\n`);
for (const failure of failures) process.stdout.write(`failed: ${failure}\n`);
process.exit(failures.length === 0 ? 0 : 1);
