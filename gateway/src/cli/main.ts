// The command line's process: hands its surroundings to the program and leaves with the program's exit code.
import { homedir } from 'node:os';
import { systemClock } from '@argosy/proto';
import { runCommandLine } from './program.ts';
import { openTerminal } from './terminal.ts';

// `argosy cluster list | head -1` closes the pipe early; that is no failure of ours.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(0);
});

process.exitCode = await runCommandLine(process.argv.slice(2), {
  environment: process.env,
  workingDirectory: process.cwd(),
  userFolder: homedir(),
  systemFolder: '/etc/openstack',
  terminal: openTerminal(process.stdout, process.stderr),
  clock: systemClock,
});
