// Whether a history is linearizable: whether its operations can be put in one order that their model allows and in
// which whatever had returned before another began comes first (Herlihy and Wing 1990). The search is Wing and Gong's
// with Lowe's cache, as in porcupine: it takes operations one by one, steps back when somebody's return is reached
// that was not taken, and never enters a set of taken operations and a state twice. Three rules cut it down without
// changing its answer: an observation that fits is taken at once; of unanswered operations that are the same only
// the first is tried; and an unanswered one that changes nothing is not.
import { illegal, type Model, type Operation } from './sequential-object.ts';

export type Verdict = 'linearizable' | 'not-linearizable' | 'undecided';

export interface CheckOptions {
  /** After so many states a key's history is `undecided`. Default: no limit but memory. */
  readonly maxStates?: number;
}

export function checkLinearizability<State extends string | number | undefined, Input, Output>(
  model: Model<State, Input, Output>,
  history: readonly Operation<Input, Output>[],
  { maxStates = Number.POSITIVE_INFINITY }: CheckOptions = {},
): Verdict {
  let verdict: Verdict = 'linearizable';
  for (const part of partsOf(model, history)) {
    const found = new Search(model, part, maxStates).run();
    if (found === 'not-linearizable') return found;
    if (found === 'undecided') verdict = found;
  }
  return verdict;
}

function partsOf<State extends string | number | undefined, Input, Output>(
  model: Model<State, Input, Output>,
  history: readonly Operation<Input, Output>[],
): Operation<Input, Output>[][] {
  const parts = new Map<string, Operation<Input, Output>[]>();
  for (const operation of history) {
    const key = model.keyOf?.(operation.input) ?? '';
    const part = parts.get(key);
    if (part === undefined) parts.set(key, [operation]);
    else part.push(operation);
  }
  return [...parts.values()];
}

/** A call or a return in the order of time; a call knows its return, unless it has none. */
interface Event<Input, Output> {
  readonly call: Call<Input, Output>;
  readonly isCall: boolean;
  previous: Event<Input, Output> | undefined;
  next: Event<Input, Output> | undefined;
}

interface Call<Input, Output> {
  /** Its place in the set of taken calls. */
  readonly at: number;
  readonly input: Input;
  readonly output: Output | undefined;
  readonly isObservation: boolean;
  /** An unanswered call that is the same and began before this one. */
  readonly twin: number | undefined;
  event: Event<Input, Output> | undefined;
  returns: Event<Input, Output> | undefined;
}

interface Taken<State, Input, Output> {
  readonly event: Event<Input, Output>;
  readonly stateBefore: State;
  /** Nothing else needs to be tried in its place. */
  readonly isForced: boolean;
}

class Search<State extends string | number | undefined, Input, Output> {
  readonly #model: Model<State, Input, Output>;
  readonly #maxStates: number;
  readonly #head: Event<Input, Output>;
  readonly #bits: Int32Array;
  #hash = 0;
  #unreturned: number;
  #states = 0;
  readonly #seen = new Map<number, { readonly bits: Int32Array; readonly state: State }[]>();

  constructor(model: Model<State, Input, Output>, history: readonly Operation<Input, Output>[], maxStates: number) {
    this.#model = model;
    this.#maxStates = maxStates;
    const calls = history.filter(({ answer }) => answer !== undefined).length;
    this.#unreturned = calls;
    this.#bits = new Int32Array(Math.ceil(history.length / 32) + 1);
    this.#head = linked(model, history);
  }

  run(): Verdict {
    const taken: Taken<State, Input, Output>[] = [];
    let state = this.#model.initial;
    let event = this.#head.next;
    while (this.#unreturned > 0) {
      const next = event?.isCall === true ? this.#after(event.call, state) : illegal;
      if (event?.isCall === true && next !== illegal) {
        const { call } = event;
        this.#flip(call);
        if (call.isObservation || this.#isNew(next)) {
          taken.push({ event, stateBefore: state, isForced: call.isObservation });
          state = next;
          this.#lift(event);
          event = this.#head.next;
          if (this.#states > this.#maxStates) return 'undecided';
          continue;
        }
        this.#flip(call);
      }
      if (event?.isCall === true) {
        event = event.next;
        continue;
      }
      // Whoever returned here was not taken, so something before it was taken wrongly.
      let last = taken.pop();
      while (last?.isForced) {
        this.#putBack(last.event);
        last = taken.pop();
      }
      if (last === undefined) return 'not-linearizable';
      this.#putBack(last.event);
      state = last.stateBefore;
      event = last.event.next;
    }
    return 'linearizable';
  }

  /** The state after this call, or `illegal` also when there is no need to try it. */
  #after(call: Call<Input, Output>, state: State): State | typeof illegal {
    if (call.twin !== undefined && !this.#isTaken(call.twin)) return illegal;
    const next = this.#model.step(state, call.input, call.output);
    return call.returns === undefined && next === state ? illegal : next;
  }

  #isTaken(at: number): boolean {
    return ((this.#bits[at >> 5] ?? 0) & (1 << (at & 31))) !== 0;
  }

  #flip({ at }: Call<Input, Output>): void {
    this.#bits[at >> 5] = (this.#bits[at >> 5] ?? 0) ^ (1 << (at & 31));
    this.#hash ^= mixed(at + 1);
  }

  #isNew(state: State): boolean {
    const bucket = this.#seen.get(this.#hash);
    const isSame = (bits: Int32Array) => bits.every((word, at) => word === this.#bits[at]);
    if (bucket?.some((entry) => entry.state === state && isSame(entry.bits))) return false;
    const entry = { bits: this.#bits.slice(), state };
    if (bucket === undefined) this.#seen.set(this.#hash, [entry]);
    else bucket.push(entry);
    this.#states += 1;
    return true;
  }

  #lift(event: Event<Input, Output>): void {
    unlink(event);
    if (event.call.returns === undefined) return;
    unlink(event.call.returns);
    this.#unreturned -= 1;
  }

  #putBack(event: Event<Input, Output>): void {
    this.#flip(event.call);
    if (event.call.returns !== undefined) {
      relink(event.call.returns);
      this.#unreturned += 1;
    }
    relink(event);
  }
}

function unlink<Input, Output>({ previous, next }: Event<Input, Output>): void {
  if (previous !== undefined) previous.next = next;
  if (next !== undefined) next.previous = previous;
}

/** Undoes the `unlink` that was the last one. */
function relink<Input, Output>(event: Event<Input, Output>): void {
  if (event.previous !== undefined) event.previous.next = event;
  if (event.next !== undefined) event.next.previous = event;
}

/** The events of a history in the order of time, after a head that is none. */
function linked<State extends string | number | undefined, Input, Output>(
  model: Model<State, Input, Output>,
  history: readonly Operation<Input, Output>[],
): Event<Input, Output> {
  const moments: { time: number; isCall: boolean; call: Call<Input, Output> }[] = [];
  const lastUnanswered = new Map<string, number>();
  const byInvocation = [...history].sort((a, b) => a.invokedAt - b.invokedAt);
  byInvocation.forEach(({ input, invokedAt, answer }, at) => {
    const name = model.nameOf(input);
    const call: Call<Input, Output> = {
      at,
      input,
      output: answer?.output,
      isObservation: answer !== undefined && model.observes(input, answer.output),
      twin: answer === undefined ? lastUnanswered.get(name) : undefined,
      event: undefined,
      returns: undefined,
    };
    if (answer === undefined) lastUnanswered.set(name, at);
    moments.push({ time: invokedAt, isCall: true, call });
    if (answer !== undefined) moments.push({ time: answer.at, isCall: false, call });
  });
  moments.sort((a, b) => a.time - b.time || Number(b.isCall) - Number(a.isCall));

  const nobody = { at: -1, isObservation: false } as unknown as Call<Input, Output>;
  const head: Event<Input, Output> = { call: nobody, isCall: true, previous: undefined, next: undefined };
  let last = head;
  for (const { isCall, call } of moments) {
    const event: Event<Input, Output> = { call, isCall, previous: last, next: undefined };
    last.next = event;
    last = event;
    if (isCall) call.event = event;
    else call.returns = event;
  }
  return head;
}

/** Spreads a small number over 32 bits (the finaliser of MurmurHash3). */
function mixed(value: number): number {
  let bits = Math.imul(value, 0x9e3779b1);
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return bits ^ (bits >>> 16);
}
