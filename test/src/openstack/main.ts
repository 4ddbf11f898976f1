// `main.js --config FILE`: a deployment in the foreground, until it is told to end.
// `main.js prepare`: makes what it needs available; the last line on stdout says which versions.
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { watchLifeline } from '@argosy/proto';
import { OpenStackUnavailable, openstackConfig } from './config.ts';
import { startOpenStack } from './deployment.ts';
import { ensurePackages } from './packages.ts';

const USAGE = 'usage: main.js --config FILE | main.js prepare';
const EXIT_FAILED = 1;
const EXIT_USAGE = 2;

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({ options: { config: { type: 'string' } }, allowPositionals: true });
  const context = { isRoot: process.getuid?.() === 0, progress: (sentence: string) => console.error(sentence) };
  if (positionals[0] === 'prepare') {
    // As OpenStack counts, without Debian's epoch and revision.
    const [keystone, heat] = (await ensurePackages(context)).map((version) => version.replace(/^\d+:|-.*$/g, ''));
    console.log(`Keystone ${keystone}, Heat ${heat}`);
    return;
  }
  if (values.config === undefined) {
    console.error(USAGE);
    process.exitCode = EXIT_USAGE;
    return;
  }
  await serve(values.config, context);
}

async function serve(file: string, context: Parameters<typeof startOpenStack>[1]): Promise<void> {
  const config = openstackConfig.parse(JSON.parse(readFileSync(file, 'utf8')));
  const starting = startOpenStack(config, context);
  let isEnding = false;
  const end = (reason: string, code: number): void => {
    if (isEnding) return;
    isEnding = true;
    console.log(`ending: ${reason}`);
    // Also in the middle of the start: then what has been started ends when it is known.
    const stopping = starting.then((running) => running.stop());
    void stopping.catch(() => undefined).finally(() => process.exit(code));
  };
  process.on('SIGTERM', () => end('SIGTERM', 0));
  process.on('SIGINT', () => end('SIGINT', 0));
  if (config.lifeline !== undefined) watchLifeline(config.lifeline, () => end('lifeline', 0));
  const running = await starting;
  console.log(`Keystone serves at ${running.keystoneUrl}, Heat at ${running.heatUrl}.`);
  // One without the other is no region: whoever started us starts both again.
  for (const program of running.programs) {
    void program.ended().then((how) => end(`${program.name} ended (${how})`, EXIT_FAILED));
  }
}

main().catch((error: unknown) => {
  console.error(error instanceof OpenStackUnavailable ? error.message : error);
  process.exit(EXIT_FAILED);
});
