// `npm start` is a chain of processes: npm, a shell, and this one. A signal that ends npm or the shell without a word
// would leave us running for nobody, so we end when one of them is gone.
import { commandOf, findProcess, isAlive, type ProcessRef, parentOf } from './process-table.ts';

const POLL_MS = 300;
const LONGEST_CHAIN = 4;

/** The processes from our parent up to npm; none when npm did not start us. */
export function npmAncestors(environment: NodeJS.ProcessEnv, pid: number = process.pid): ProcessRef[] {
  if (environment.npm_lifecycle_event === undefined) return [];
  const chain: ProcessRef[] = [];
  let current = parentOf(pid);
  while (current !== undefined && current > 1 && chain.length < LONGEST_CHAIN) {
    const ref = findProcess(current);
    if (ref === undefined) return [];
    chain.push(ref);
    if (isNpm(commandOf(current))) return chain;
    current = parentOf(current);
  }
  return [];
}

/** Calls once when one of them is gone. Returns what stops watching. */
export function watchAncestors(ancestors: readonly ProcessRef[], onGone: () => void): () => void {
  if (ancestors.length === 0) return () => undefined;
  const timer = setInterval(() => {
    if (ancestors.every(isAlive)) return;
    clearInterval(timer);
    onGone();
  }, POLL_MS);
  timer.unref();
  return () => clearInterval(timer);
}

/** npm's title is `npm start`; before it has set that, it is node with npm's script. */
function isNpm(command: string | undefined): boolean {
  return command !== undefined && /(^|[/ ])npm(-cli\.js)?( |$)/.test(command);
}
