// What the command line will know one day. It is not in the help, and says so plainly when it is used: a script that is
// ahead of its time learns why it fails.
import { Command } from 'commander';
import { UsageError } from './errors.ts';

const PLANNED_NOUNS = ['user', 'database', 'parameter', 'backup'] as const;
const PLANNED_VERBS: Readonly<Record<string, readonly string[]>> = {
  region: ['add', 'remove', 'drain', 'undrain'],
};

/** Adds the commands that only say that they are not there yet. */
export function addPlannedCommands(program: Command): void {
  for (const noun of PLANNED_NOUNS) program.addCommand(plannedCommand(noun, noun), { hidden: true });
  for (const [noun, verbs] of Object.entries(PLANNED_VERBS)) {
    const parent = program.commands.find((command) => command.name() === noun);
    for (const verb of verbs) parent?.addCommand(plannedCommand(verb, `${noun} ${verb}`), { hidden: true });
  }
}

function plannedCommand(name: string, words: string): Command {
  return new Command(name)
    .argument('[rest...]')
    .allowUnknownOption()
    .allowExcessArguments()
    .helpOption(false)
    .action(() => {
      throw new UsageError(`"argosy ${words}" is not there yet.`);
    });
}
