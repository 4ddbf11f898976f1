// A real Keystone and a real Heat for the regions that want them: Debian's packages, installed where that is allowed.
import { join } from 'node:path';
import { runPreparing } from './preparing-program.ts';

/** Of the tests, which bring up the same. */
export const OPENSTACK_SCRIPT = 'test/dist/openstack/main.js';
/** A slow network may take minutes to fetch the packages. */
const LIMIT_MS = 20 * 60_000;

export interface OpenStackOptions {
  readonly repository: string;
  readonly onProgress: (line: string) => void;
  readonly signal: AbortSignal;
}

/** Makes the programs available. Returns their versions, in a few words. @throws StartError */
export function prepareOpenStack({ repository, onProgress, signal }: OpenStackOptions): Promise<string> {
  const command = [join(repository, OPENSTACK_SCRIPT), 'prepare'];
  return runPreparing({ what: 'OpenStack is not available', command, limitMs: LIMIT_MS, onProgress, signal });
}
