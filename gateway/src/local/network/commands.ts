// Runs `ip`, also within a namespace. Everything that touches the machine's network goes through here.
import { execFile } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { StartError } from '../errors.ts';

const LIMIT_MS = 10_000;
const NAMESPACES = '/run/netns';
const PROGRAMS: Readonly<Record<string, string>> = { ip: 'iproute2', nsenter: 'util-linux' };
const FOLDERS = ['/usr/sbin', '/sbin', '/usr/bin', '/bin'];

/** What one enters a namespace by. */
export function namespacePath(namespace: string): string {
  return `${NAMESPACES}/${namespace}`;
}

/** The command that runs another one in a namespace; the process stays the same. */
export function within(namespace: string, command: readonly string[]): readonly string[] {
  return ['nsenter', `--net=${namespacePath(namespace)}`, ...command];
}

/** The namespaces whose names begin so. */
export function namespacesOf(prefix: string): string[] {
  if (!existsSync(NAMESPACES)) return [];
  return readdirSync(NAMESPACES).filter((name) => name.startsWith(prefix));
}

/** @throws StartError that names what is missing, and the package that has it. */
export function demandPrograms(): void {
  for (const [program, debianPackage] of Object.entries(PROGRAMS)) {
    if (FOLDERS.some((folder) => existsSync(`${folder}/${program}`))) continue;
    throw new StartError(`--netns needs the program "${program}" (Debian's package ${debianPackage}).`);
  }
}

/** @throws StartError with what the program said. */
export async function run(command: readonly string[], input?: string): Promise<string> {
  const [file = '', ...args] = command;
  return new Promise((resolve, reject) => {
    const child = execFile(file, args, { timeout: LIMIT_MS }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new StartError(`"${command.join(' ')}" failed: ${stderr.trim() || error.message}`, { cause: error }));
    });
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(input);
  });
}

export function ip(words: string): Promise<string> {
  return run(['ip', ...words.split(' ')]);
}
