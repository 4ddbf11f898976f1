// The door as a process of its own, which outlives the agent that started it: the next one finds it by its socket. It is
// told one thing, until when it may pass answers on, and says back what it was told.
import { unlinkSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import type { Timer } from '@argosy/proto';
import { bootMs } from './boot-clock.ts';
import { Door } from './door.ts';

const EXIT_FAILED = 1;
/** Nobody has come back for it: the guest's agent is gone for good. */
const ALONE_MS = 60_000;
const LOOK_MS = 1_000;

/** What is said on the socket, a line each: `shut`, `open`, or the deadline in milliseconds of the boot-time clock. */
export function writeDeadline(deadlineMs: number): string {
  if (deadlineMs === Number.POSITIVE_INFINITY) return 'open';
  return deadlineMs === Number.NEGATIVE_INFINITY ? 'shut' : String(deadlineMs);
}

/** Whatever it cannot read shuts it. */
export function readDeadline(text: string): number {
  if (text === 'open') return Number.POSITIVE_INFINITY;
  const deadlineMs = text === 'shut' || text.trim() === '' ? Number.NaN : Number(text);
  return Number.isFinite(deadlineMs) ? deadlineMs : Number.NEGATIVE_INFINITY;
}

/** `arguments_`: the address, the clients' port, the server's port, the path of the socket. */
export async function runDoor(place: readonly string[]): Promise<void> {
  await serve(place).catch((error: unknown) => {
    process.stderr.write(`The door cannot start: ${error}\n`);
    process.exit(EXIT_FAILED);
  });
}

async function serve([address = '', port, serverPort, socketPath = '']: readonly string[]): Promise<void> {
  const door = new Door({ address, port: Number(port), serverPort: Number(serverPort), bootMs, after });
  const agents = new Set<Socket>();
  let aloneSinceMs = bootMs();
  const control = createServer((agent) => {
    agents.add(agent);
    agent.on('error', () => undefined);
    agent.once('close', () => {
      agents.delete(agent);
      aloneSinceMs = bootMs();
    });
    createInterface({ input: agent }).on('line', (line) => {
      door.move(readDeadline(line));
      if (agent.writable) agent.write(`${line}\n`);
    });
  });
  await new Promise<void>((resolve, reject) => {
    control.once('error', reject);
    control.listen(socketPath, resolve);
  });
  await door.listen();
  setInterval(() => {
    if (agents.size > 0 || bootMs() - aloneSinceMs < ALONE_MS) return;
    unlinkSync(socketPath);
    process.exit(0);
  }, LOOK_MS);
}

/** As the system's clock has it, which would bring along all that members say to each other. */
function after(delayMs: number, call: () => void): Timer {
  const timer = setTimeout(call, delayMs);
  return { cancel: () => clearTimeout(timer) };
}
