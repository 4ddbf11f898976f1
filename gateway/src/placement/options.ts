// What a place (a site, a region, a domain, all of them) can hold: for each count of members the best value, and no more,
// since members of one kind are interchangeable and of two choices with the same counts the better one is better in
// every whole. Values are vectors of integers that add up over places and compare from the left; that is all the
// search rests on, and why it needs no limit: its work grows with sites times counts, not with assignments.

/** Counts of members; `near` are the voters that acknowledge soon enough, counted up to what is needed. */
export interface Extent {
  readonly voters: number;
  readonly near: number;
  readonly replicas: number;
  readonly arbiters: number;
}

/** One row for each count that is possible; the columns are arrays, for speed. */
export interface Options {
  readonly rows: number;
  readonly voters: Int32Array;
  readonly near: Int32Array;
  readonly replicas: Int32Array;
  readonly arbiters: Int32Array;
  /** The words of row 0, of row 1, … */
  readonly values: Float64Array;
}

export interface Option extends Extent {
  readonly value: readonly number[];
}

export function optionsOf(options: readonly Option[], words: number): Options {
  const values = new Float64Array(options.length * words);
  for (const [row, { value }] of options.entries()) values.set(value, row * words);
  return {
    rows: options.length,
    voters: Int32Array.from(options, ({ voters }) => voters),
    near: Int32Array.from(options, ({ near }) => near),
    replicas: Int32Array.from(options, ({ replicas }) => replicas),
    arbiters: Int32Array.from(options, ({ arbiters }) => arbiters),
    values,
  };
}

export const NOBODY: Extent = { voters: 0, near: 0, replicas: 0, arbiters: 0 };

export function optionAt(options: Options, row: number, words: number): Option {
  return {
    voters: options.voters[row] ?? 0,
    near: options.near[row] ?? 0,
    replicas: options.replicas[row] ?? 0,
    arbiters: options.arbiters[row] ?? 0,
    value: [...options.values.subarray(row * words, (row + 1) * words)],
  };
}

/** Each row changed, or left out where `change` gives nothing. */
export function transform(options: Options, words: number, change: (option: Option) => Option | undefined): Options {
  const changed: Option[] = [];
  for (let row = 0; row < options.rows; row += 1) {
    const option = change(optionAt(options, row, words));
    if (option !== undefined) changed.push(option);
  }
  return optionsOf(changed, words);
}

/** Disjoint places as one that holds anything up to the target. */
export function combineAny(places: readonly Options[], words: number, target: Extent): Options {
  return places.reduce((whole, place) => combine(whole, place, words, target, NOBODY), nobody(words));
}

/** Disjoint places as one that holds exactly the target, in one row or none; of `near` it holds at least that. */
export function combineAll(places: readonly Options[], words: number, target: Extent): Options {
  const ahead: Extent[] = [NOBODY];
  for (const place of [...places].reverse()) ahead.unshift(plus(mostOf(place), ahead[0] ?? NOBODY));

  // Nobody is where the sum starts, so that even no place at all is held against the target.
  let whole = nobody(words);
  for (const [index, place] of [...places, nobody(words)].entries()) {
    whole = combine(whole, place, words, target, minus(target, ahead[index + 1] ?? NOBODY));
    if (whole.rows === 0) break;
  }
  return whole;
}

function nobody(words: number): Options {
  return optionsOf([{ ...NOBODY, value: Array<number>(words).fill(0) }], words);
}

function mostOf({ voters, near, replicas, arbiters }: Options): Extent {
  return { voters: largest(voters), near: largest(near), replicas: largest(replicas), arbiters: largest(arbiters) };
}

function largest(numbers: Int32Array): number {
  let found = 0;
  for (const number of numbers) if (number > found) found = number;
  return found;
}

function plus(left: Extent, right: Extent): Extent {
  return {
    voters: left.voters + right.voters,
    near: left.near + right.near,
    replicas: left.replicas + right.replicas,
    arbiters: left.arbiters + right.arbiters,
  };
}

function minus(left: Extent, right: Extent): Extent {
  return {
    voters: left.voters - right.voters,
    near: left.near - right.near,
    replicas: left.replicas - right.replicas,
    arbiters: left.arbiters - right.arbiters,
  };
}

/** The same place, with its voters near enough to acknowledge. */
export function asNear(options: Options): Options {
  return { ...options, near: options.voters };
}

/** Two disjoint places as one. Rows with more than `most` are no use; neither are those with less than `least`. */
function combine(left: Options, right: Options, words: number, most: Extent, least: Extent): Options {
  const strideR = most.arbiters + 1;
  const strideN = strideR * (most.replicas + 1);
  const strideV = strideN * (most.near + 1);
  const size = strideV * (most.voters + 1);
  const values = new Float64Array(size * words);
  const isTaken = new Uint8Array(size);

  for (let i = 0; i < left.rows; i += 1) {
    const v = left.voters[i] as number;
    const n = left.near[i] as number;
    const r = left.replicas[i] as number;
    const a = left.arbiters[i] as number;
    for (let j = 0; j < right.rows; j += 1) {
      const voters = v + (right.voters[j] as number);
      if (voters > most.voters || voters < least.voters) continue;
      const replicas = r + (right.replicas[j] as number);
      if (replicas > most.replicas || replicas < least.replicas) continue;
      const arbiters = a + (right.arbiters[j] as number);
      if (arbiters > most.arbiters || arbiters < least.arbiters) continue;
      const near = Math.min(n + (right.near[j] as number), most.near);
      if (near < least.near) continue;

      const index = voters * strideV + near * strideN + replicas * strideR + arbiters;
      const isFirst = isTaken[index] === 0;
      isTaken[index] = 1;
      keepBetter(values, index * words, left.values, i * words, right.values, j * words, words, isFirst);
    }
  }
  return gather(isTaken, values, words, [strideV, strideN, strideR]);
}

/** Writes the sum of two values if it is better than what is there. */
function keepBetter(
  values: Float64Array,
  at: number,
  left: Float64Array,
  i: number,
  right: Float64Array,
  j: number,
  words: number,
  isFirst: boolean,
): void {
  let word = 0;
  if (!isFirst) {
    let difference = 0;
    while (word < words) {
      difference = (left[i + word] as number) + (right[j + word] as number) - (values[at + word] as number);
      if (difference !== 0) break;
      word += 1;
    }
    if (difference >= 0) return;
  }
  for (; word < words; word += 1) values[at + word] = (left[i + word] as number) + (right[j + word] as number);
}

function gather(
  isTaken: Uint8Array,
  values: Float64Array,
  words: number,
  [strideV, strideN, strideR]: readonly [number, number, number],
): Options {
  let rows = 0;
  for (const flag of isTaken) rows += flag;
  const [voters, near] = [new Int32Array(rows), new Int32Array(rows)];
  const [replicas, arbiters] = [new Int32Array(rows), new Int32Array(rows)];
  const packed = new Float64Array(rows * words);
  let row = 0;
  for (let index = 0; index < isTaken.length; index += 1) {
    if (isTaken[index] === 0) continue;
    voters[row] = Math.floor(index / strideV);
    near[row] = Math.floor((index % strideV) / strideN);
    replicas[row] = Math.floor((index % strideN) / strideR);
    arbiters[row] = index % strideR;
    for (let word = 0; word < words; word += 1) packed[row * words + word] = values[index * words + word] as number;
    row += 1;
  }
  return { rows, voters, near, replicas, arbiters, values: packed };
}
