// Folders and files with the rights that they need, whatever the umask is.
import { chmodSync, lstatSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { StartError } from './errors.ts';

/** Only its owner enters. */
export const PRIVATE_FOLDER = 0o700;
/** Others pass through, and see only what they know the name of. */
export const PASSAGE_FOLDER = 0o711;
export const SECRET_FILE = 0o600;
export const PUBLIC_FILE = 0o644;

/** Makes a folder, or sets the mode of the one that is there. */
export function ensureFolder(path: string, mode: number): void {
  mkdirSync(path, { recursive: true });
  chmodSync(path, mode);
}

/** Makes a folder below a place where everyone may write. @throws StartError when somebody else made it. */
export function ensureOwnFolder(path: string, mode: number): void {
  mkdirSync(path, { recursive: true });
  const status = lstatSync(path);
  if (!status.isDirectory() || status.uid !== process.getuid?.()) {
    throw new StartError(`${path} belongs to somebody else; remove it, or set TMPDIR to a folder of your own.`);
  }
  chmodSync(path, mode);
}

/** Makes a folder anew, empty. */
export function emptyOwnFolder(path: string, mode: number): void {
  ensureOwnFolder(path, mode);
  rmSync(path, { recursive: true, force: true });
  ensureOwnFolder(path, mode);
}

/** Writes a file that appears whole or not at all. */
export function writeWhole(path: string, content: string, mode: number): void {
  const temporary = `${path}.${process.pid}`;
  writeFileSync(temporary, content, { mode });
  chmodSync(temporary, mode);
  renameSync(temporary, path);
}

export function writeJson(path: string, value: unknown, mode: number): void {
  writeWhole(path, `${JSON.stringify(value, undefined, 2)}\n`, mode);
}
