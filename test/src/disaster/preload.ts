// Loaded into every Node process of a federation under test, before anything of its own. It makes of a gateway peer what
// the files in the folder say: one whose machine does not start, or one of a later version.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { FOLDER_VARIABLE } from '../crash-matrix/control.ts';

const LOOK_MS = 50;
const [, script = '', word = ''] = process.argv;
const folder = process.env[FOLDER_VARIABLE] ?? '';
if (folder !== '' && script.endsWith('/gateway/dist/main.js')) await prepare();

async function prepare(): Promise<void> {
  const name = /\/(gateway-\d+)\/config\.json$/.exec(process.argv.at(-1) ?? '')?.[1] ?? '';
  // Whoever started us may be gone before we are let go on.
  const parent = process.ppid;
  while (word !== 'recover' && existsSync(join(folder, `down-${name}`))) {
    if (process.ppid !== parent) process.exit(1);
    await new Promise<void>((resolve) => setTimeout(resolve, LOOK_MS));
  }
  if (!existsSync(join(folder, `later-${name}`))) return;
  const { becomeLaterVersion } = await import('./later-version.ts');
  await becomeLaterVersion(join(folder, `applied-${name}`));
}
