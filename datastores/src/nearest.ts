// What somebody may have meant who wrote a name that is not there.

/** How many letters a name may be off and still be taken for a slip of the pen. */
const MAX_SLIPS = 4;

/** The known name that is nearest to an unknown one, to be offered in an error; undefined when none is near. */
export function nearestOf(names: readonly string[], name: string): string | undefined {
  const wanted = name.toLowerCase();
  const near = names
    .map((known) => ({ known, slips: distance(wanted, known) }))
    .filter(({ known, slips }) => (slips <= MAX_SLIPS && slips < known.length) || known.startsWith(wanted))
    .sort((left, right) => left.slips - right.slips);
  return name === '' ? undefined : near[0]?.known;
}

/** Levenshtein's: how many letters to add, drop or change. */
function distance(left: string, right: string): number {
  let previous = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (let row = 1; row <= left.length; row++) {
    const current = [row];
    for (let column = 1; column <= right.length; column++) {
      const change = (previous[column - 1] ?? 0) + (left[row - 1] === right[column - 1] ? 0 : 1);
      current.push(Math.min(change, (previous[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1));
    }
    previous = current;
  }
  return previous[right.length] ?? 0;
}
