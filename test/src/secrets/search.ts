// Which files and processes of a federation hold which of its secrets.
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';

export interface Secret {
  readonly name: string;
  /** Where it is at home, as the beginnings of paths within the federation's home. */
  readonly home: readonly string[];
  readonly bytes: Buffer;
}

/** Every key of a PEM file, by a line of it that no other key has. */
export function keysIn(home: string): Secret[] {
  return filesOf(home).flatMap((path) => {
    const text = readFileSync(path, 'latin1');
    const blocks = text.match(/-----BEGIN [A-Z ]*PRIVATE KEY-----[^-]+/g) ?? [];
    return blocks.flatMap((block, index) => {
      // The first line names the algorithm; the second is the key's own.
      const line = block.split('\n')[2]?.trim() ?? '';
      const name = relative(home, path);
      // A member's key is on its own volume, once for its agent and once for its database.
      const place = /^volumes\/[^/]+\/[^/]+/.exec(name)?.[0] ?? name;
      return line.length < 20 ? [] : [{ name: `key ${index + 1} of ${name}`, home: [place], bytes: Buffer.from(line) }];
    });
  });
}

/** A text as it may be written down: as it is, as JSON has it, and as base64 and hex have it. */
export function spellings(text: string): Buffer[] {
  const raw = Buffer.from(text);
  // Within longer base64 a text begins at one of three places; what is around it changes the ends.
  const shifted = [0, 1, 2].map((shift) => {
    const encoded = Buffer.concat([Buffer.alloc(shift), raw])
      .toString('base64')
      .replace(/=+$/, '');
    return Buffer.from(encoded.slice(shift === 0 ? 0 : shift + 1, -1));
  });
  return [raw, Buffer.from(raw.toString('hex')), Buffer.from(raw.toString('hex').toUpperCase()), ...shifted];
}

/** A sentence for each secret that is where it is not at home. */
export function findSecrets(home: string, secrets: readonly Secret[]): string[] {
  return filesOf(home).flatMap((path) => {
    const place = relative(home, path);
    const content = readFileSync(path);
    return secrets
      .filter((secret) => !secret.home.some((begin) => place === begin || place.startsWith(`${begin}/`)))
      .filter(({ bytes }) => content.includes(bytes))
      .map(({ name }) => `${name} stands in ${place}`);
  });
}

/** The same for what everybody on the machine can read of a process. */
export function findInArguments(pids: readonly number[], secrets: readonly Secret[]): string[] {
  return pids.flatMap((pid) => {
    const line = readFileSync(`/proc/${pid}/cmdline`);
    return secrets.filter(({ bytes }) => line.includes(bytes)).map(({ name }) => `${name} is an argument of ${pid}`);
  });
}

function filesOf(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}
