// The command line's grammar: `argosy NOUN VERB [NAME]`. Each noun's commands are in a file of its own.
import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { addClusterChangeCommands } from './cluster-change-commands.ts';
import { addClusterCommands } from './cluster-commands.ts';
import { addDatastoreCommands } from './datastore-commands.ts';
import { addDrillCommands } from './drill-commands.ts';
import { describeError, EXIT_DONE, EXIT_FAILED, EXIT_USAGE, UsageError } from './errors.ts';
import { addEventCommands } from './event-commands.ts';
import { addFederationCommands } from './federation-commands.ts';
import { addPlannedCommands } from './not-there-yet.ts';
import { addOperationCommands } from './operation-commands.ts';
import { addParameterCommands } from './parameter-commands.ts';
import { addProjectCommands } from './project-commands.ts';
import { type GlobalOptions, type OpenSession, openSession, type Surroundings } from './session.ts';
import { addTrustCommands } from './trust-commands.ts';
import { addUserCommands } from './user-commands.ts';

/** Runs one command line (without `node` and the script) and answers its exit code. */
export async function runCommandLine(args: readonly string[], surroundings: Surroundings): Promise<number> {
  const { terminal } = surroundings;
  try {
    await buildProgram(surroundings).parseAsync([...args], { from: 'user' });
    return EXIT_DONE;
  } catch (error) {
    terminal.redraw([]);
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT_DONE : EXIT_USAGE;
    terminal.error(`argosy: ${describeError(error) ?? defectText(error)}`);
    return error instanceof UsageError ? EXIT_USAGE : EXIT_FAILED;
  }
}

function buildProgram(surroundings: Surroundings): Command {
  const { terminal } = surroundings;
  const program = new Command('argosy')
    .description('Database clusters across OpenStack clouds.')
    .version(ownVersion(), '--version', 'show the version')
    .option('--json', 'write the answer as JSON')
    .option('--os-cloud <name>', 'the cloud of clouds.yaml to use (else OS_CLOUD, the OS_* variables, .argosy/)')
    .configureHelp({ showGlobalOptions: true })
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.out(text.trimEnd()),
      writeErr: (text) => terminal.error(text.trimEnd()),
      outputError: (text, write) => write(text.replace(/^error: /, 'argosy: ')),
    });
  const open: OpenSession = (command) => openSession(surroundings, command.optsWithGlobals<GlobalOptions>());
  addClusterCommands(program, open);
  addClusterChangeCommands(program, open);
  addOperationCommands(program, open);
  addFederationCommands(program, open);
  addDatastoreCommands(program, open);
  addParameterCommands(program, open);
  addUserCommands(program, open);
  addDrillCommands(program, open);
  addProjectCommands(program, open);
  addEventCommands(program, open);
  addTrustCommands(program, surroundings);
  addPlannedCommands(program);
  return program;
}

function ownVersion(): string {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  return version;
}

function defectText(error: unknown): string {
  return `this should not have happened: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
}
