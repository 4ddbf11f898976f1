// What the command line will know one day. It is not in the help, and says so plainly when it is used: a script that is
// ahead of its time learns why it fails.
import { Command, Option } from 'commander';
import { UsageError } from './errors.ts';

const PLANNED_NOUNS = ['user', 'database', 'parameter', 'backup', 'drill', 'event'] as const;
const PLANNED_VERBS: Readonly<Record<string, readonly string[]>> = {
  cluster: ['switchover', 'failover', 'grow', 'shrink', 'resize', 'set'],
  operation: ['cancel'],
  region: ['add', 'sign', 'remove', 'drain', 'undrain'],
};
const PLANNED_OPTIONS = ['--dry-run', '--plan-hash <hash>'] as const;

/** Adds the commands that only say that they are not there yet. */
export function addPlannedCommands(program: Command): void {
  for (const noun of PLANNED_NOUNS) program.addCommand(plannedCommand(noun, noun), { hidden: true });
  for (const [noun, verbs] of Object.entries(PLANNED_VERBS)) {
    const parent = program.commands.find((command) => command.name() === noun);
    for (const verb of verbs) parent?.addCommand(plannedCommand(verb, `${noun} ${verb}`), { hidden: true });
  }
}

/** Adds the options to a changing command that only say that they are not there yet. */
export function addPlannedOptions(command: Command): Command {
  for (const flags of PLANNED_OPTIONS) {
    const option = new Option(flags).hideHelp();
    command.addOption(option);
    command.on(`option:${option.name()}`, () => {
      throw new UsageError(`${option.long} is not there yet.`);
    });
  }
  return command;
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
