// The last word between equals is the order of names: at the first site where two choices differ, the one with more
// voters there wins, then with more replicas, then with more arbiters. Each choice is spelled as a number with one digit
// a site, larger for the preferred, cut into words that a double holds exactly. Words of disjoint sets of sites add up,
// so they are a part of the value that the search minimises; and the choice is read back from them.
import type { Counts } from './request.ts';

/** Below 2^53 by enough that a digit read back by division is never rounded into its neighbour. */
const WORD_LIMIT = 2 ** 50;

export interface Spelling {
  /** How many words a choice has. */
  readonly words: number;
  /** The word that a site's digit is in, and what its members add to it. Smaller is better, so it is not positive. */
  spell(site: number, members: Counts): { readonly word: number; readonly addend: number };
  /** The members at each site. */
  read(words: readonly number[]): readonly Counts[];
}

/** `most` is what one site can hold of each kind; of all kinds together it holds one when `isSingle`. */
export function spellingOf(sites: number, most: Counts, isSingle: boolean): Spelling {
  // Of members that are not wanted at all there would be one digit, 0, and no end of them in a word.
  const base = isSingle ? 4 : Math.max(2, (most.voters + 1) * (most.replicas + 1) * (most.arbiters + 1));
  const digits = digitsOf(base);
  const weights = Array.from({ length: digits }, (_, position) => base ** (digits - 1 - position));

  const digitOf = ({ voters, replicas, arbiters }: Counts): number => {
    if (isSingle) return 3 * voters + 2 * replicas + arbiters;
    return (voters * (most.replicas + 1) + replicas) * (most.arbiters + 1) + arbiters;
  };
  const membersOf = (digit: number): Counts => {
    if (isSingle) return { voters: Number(digit === 3), replicas: Number(digit === 2), arbiters: Number(digit === 1) };
    const withData = Math.floor(digit / (most.arbiters + 1));
    return {
      voters: Math.floor(withData / (most.replicas + 1)),
      replicas: withData % (most.replicas + 1),
      arbiters: digit % (most.arbiters + 1),
    };
  };

  return {
    words: Math.ceil(sites / digits),
    spell: (site, members) => ({
      word: Math.floor(site / digits),
      addend: 0 - digitOf(members) * (weights[site % digits] ?? 0),
    }),
    read: (words) =>
      Array.from({ length: sites }, (_, site) => {
        const word = 0 - (words[Math.floor(site / digits)] ?? 0);
        return membersOf(Math.floor(word / (weights[site % digits] ?? 1)) % base);
      }),
  };
}

function digitsOf(base: number): number {
  let digits = 1;
  while (base ** (digits + 1) <= WORD_LIMIT) digits += 1;
  return digits;
}
