// A folder of its own for each test that needs files; all are removed when the test process ends.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const made: string[] = [];

process.on('exit', () => {
  for (const folder of made) rmSync(folder, { recursive: true, force: true });
});

export function newTestFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'argosy-test-'));
  made.push(folder);
  return folder;
}
