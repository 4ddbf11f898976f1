// Puts one bug into the code under test while it is loaded, and only into that process: neither the sources nor the
// package have a switch for it. A bug is a text that is replaced by another; white space does not matter.
import type { LoadHook } from 'node:module';

export interface Edit {
  /** Below `raft/dist`. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

let edits: readonly Edit[] = [];

export function initialize(data: readonly Edit[]): void {
  edits = data;
}

export const load: LoadHook = async (url, context, nextLoad) => {
  const result = await nextLoad(url, context);
  const own = edits.filter(({ file }) => url.endsWith(`/dist/${file}`));
  if (own.length === 0) return result;
  return { ...result, source: own.reduce(applyEdit, String(result.source)) };
};

/** Throws when the text is not there exactly once: then the code has moved on, and the bug must be put elsewhere. */
export function applyEdit(source: string, { file, find, replace }: Edit): string {
  const words = find.trim().split(/\s+/);
  const pattern = words.map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('\\s+');
  const places = source.match(new RegExp(pattern, 'g'))?.length ?? 0;
  if (places !== 1) throw new Error(`${file} has "${words.join(' ')}" ${places} times, and not once.`);
  return source.replace(new RegExp(pattern), () => replace);
}
