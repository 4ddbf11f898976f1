// `argosy region sign`: how the operator admits a region. It asks nobody and needs no cloud: whoever holds the root's key
// decides. The key is read here and nowhere else.
import { readFileSync, writeFileSync } from 'node:fs';
import { type Clock, signRegionRequest, TrustError } from '@argosy/proto';
import type { Command } from 'commander';
import { CommandError } from './errors.ts';
import type { Terminal } from './terminal.ts';

interface SignOptions {
  readonly rootCertificate: string;
  readonly rootKey: string;
  readonly request: string;
  readonly out: string;
}

export function addTrustCommands(
  program: Command,
  surroundings: { readonly terminal: Terminal; readonly clock: Clock },
): void {
  program.commands
    .find((command) => command.name() === 'region')
    ?.command('sign')
    .description("sign a region's request with the root's key; offline")
    .requiredOption('--root-certificate <file>', "the federation's root certificate")
    .requiredOption('--root-key <file>', "the root's key; it never leaves the operator")
    .requiredOption('--request <file>', 'what "init" of the region\'s executor has made')
    .requiredOption('--out <file>', 'what the region installs; it must not be there yet')
    .action(async (options: SignOptions) => {
      const { terminal, clock } = surroundings;
      const region = await sign(options, clock.now());
      terminal.out(`Signed the region ${region}: ${options.out}`);
      terminal.out('Take this file to the region and have its executor install it (install-certificate).');
    });
}

/** Answers which region was signed. */
async function sign(options: SignOptions, now: Date): Promise<string> {
  const root = { certificate: read(options.rootCertificate), key: read(options.rootKey) };
  try {
    const { region, bundle } = await signRegionRequest(root, read(options.request), now);
    writeFileSync(options.out, bundle, { flag: 'wx', mode: 0o644 });
    return region;
  } catch (error) {
    if (error instanceof TrustError) throw new CommandError(error.message, { cause: error });
    if ((error as NodeJS.ErrnoException).syscall === undefined) throw error;
    throw new CommandError(`${options.out} cannot be written: ${(error as Error).message}`, { cause: error });
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new CommandError(`${path} cannot be read.`, { cause });
  }
}
