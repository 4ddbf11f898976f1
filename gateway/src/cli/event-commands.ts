// `argosy event ...`
import { pause } from '@argosy/proto';
import type { Command } from 'commander';
import { UnreachableError } from './errors.ts';
import { type Event, eventsAnswer } from './resources.ts';
import type { OpenSession, Session } from './session.ts';

const POLL_INTERVAL_MS = 500;
const PAGE_SIZE = 1_000;

export function addEventCommands(program: Command, open: OpenSession): void {
  program
    .command('event')
    .description('what happened')
    .command('list')
    .description('the events of your project that are kept, oldest first')
    .option('--after <id>', 'only those after this one', '0')
    .option('--follow', 'go on with those to come, until interrupted')
    .action(async (options: { after: string; follow?: boolean }, command: Command) =>
      list(await open(command), options, command.optsWithGlobals().json === true),
    );
}

async function list(session: Session, options: { after: string; follow?: boolean }, json: boolean): Promise<void> {
  const { terminal, clock } = session;
  let last = options.after;
  for (;;) {
    const events = await eventsAfter(session, last, options.follow === true);
    for (const event of events) terminal.out(json ? JSON.stringify(event) : render(event));
    last = events.at(-1)?.id ?? last;
    if (events.length === PAGE_SIZE) continue;
    if (options.follow !== true) return;
    await pause(clock, POLL_INTERVAL_MS);
  }
}

/** Numbers are the same at every peer, so one that is away is waited for, or another one asked. */
async function eventsAfter({ client }: Session, id: string, isPatient: boolean): Promise<readonly Event[]> {
  try {
    const path = `/v2/events?after=${encodeURIComponent(id)}&limit=${PAGE_SIZE}`;
    return (await client.get(path, eventsAnswer)).events;
  } catch (error) {
    if (isPatient && error instanceof UnreachableError) return [];
    throw error;
  }
}

function render({ id, at, kind, message }: Event): string {
  return `${id.padStart(6)}  ${at}  ${kind.padEnd(18)} ${message}`;
}
