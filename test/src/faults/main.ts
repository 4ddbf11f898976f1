// `npm run faults [-- OPTIONS]`.
import { readOptions, USAGE } from './options.ts';
import { runFaults } from './run.ts';

const options = readOptions(process.argv.slice(2), process.getuid?.() === 0);
if (options === undefined) {
  process.stdout.write(`${USAGE}\n`);
  process.exit(0);
}
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
const say = (line: string): void => void process.stdout.write(`${line}\n`);
say(`seed ${options.seed}${options.isNetworked ? ', each region in a network of its own' : ''}`);
const { faults, acknowledged, epochs, longestPauseMs, returns, violations } = await runFaults(options, say);
for (const violation of violations) say(`✘ ${violation}`);
say(
  `${returns.deposed} primaries were deposed, and came back as replicas by themselves; ` +
    `${returns.deposed - returns.copied} of them without a copy of the new one's data`,
);
say(
  `${faults} faults, ${acknowledged} acknowledged writes, ${violations.length} violations, epoch ${epochs}, ` +
    `longest pause ${longestPauseMs} ms, seed ${options.seed}`,
);
process.exit(violations.length === 0 && acknowledged > 0 ? 0 : 1);
