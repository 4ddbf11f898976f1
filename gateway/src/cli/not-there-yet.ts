// What the command line will know one day. It is not in the help, and says so plainly when it is used: a script that is
// ahead of its time learns why it fails.
import { Command } from 'commander';
import { UsageError } from './errors.ts';

const PLANNED_NOUNS = ['backup'] as const;

/** Adds the commands that only say that they are not there yet. */
export function addPlannedCommands(program: Command): void {
  for (const noun of PLANNED_NOUNS) program.addCommand(plannedCommand(noun), { hidden: true });
}

function plannedCommand(name: string): Command {
  return new Command(name)
    .argument('[rest...]')
    .allowUnknownOption()
    .allowExcessArguments()
    .helpOption(false)
    .action(() => {
      throw new UsageError(`"argosy ${name}" is not there yet.`);
    });
}
