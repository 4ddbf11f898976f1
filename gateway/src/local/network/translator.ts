// Keeps the program running that passes on what is dialled at translated addresses.
import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { datastores } from '@argosy/datastores';
import { AGENT_PORT, type Clock, pause } from '@argosy/proto';
import { within } from './commands.ts';

const PROGRAM = fileURLToPath(new URL('translation-main.js', import.meta.url));
const AGAIN_MS = 300;

export function runTranslator(router: string, clock: Clock): () => void {
  const ports = [AGENT_PORT, ...datastores.all.map(({ port }) => port)].map(String);
  const [file = '', ...args] = within(router, [process.execPath, PROGRAM, ...ports]);
  let child: ChildProcess | undefined;
  let isEnding = false;
  const start = (): void => {
    child = spawn(file, args, { stdio: ['pipe', 'inherit', 'inherit'] });
    child.stdin?.on('error', () => undefined);
    child.on('error', () => undefined);
    child.on('close', () => {
      if (!isEnding) void pause(clock, AGAIN_MS).then(() => (isEnding ? undefined : start()));
    });
  };
  start();
  return () => {
    isEnding = true;
    child?.kill();
  };
}
