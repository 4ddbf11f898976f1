// A history is what clients saw: when they asked, what they were told, and when. A model is the sequential object that
// they should have seen. The checker knows nothing else of either.

/** One call. Times are only compared with each other; at equal times a call comes before a return. */
export interface Operation<Input, Output> {
  readonly process: number;
  readonly input: Input;
  readonly invokedAt: number;
  /** Undefined when nobody knows what became of it: it may take effect at any later time, or never. */
  readonly answer: { readonly output: Output; readonly at: number } | undefined;
}

/** States are told apart by `===`, so that the checker can remember where it has been. */
export interface Model<State extends string | number | undefined, Input, Output> {
  readonly initial: State;
  /**
   * The state after `input` in `state`, or `illegal` when it could not have been answered so. With an `output` that is
   * undefined every answer will do.
   */
  step(state: State, input: Input, output: Output | undefined): State | typeof illegal;
  /** Whether an operation that was answered so leaves every state as it is. */
  observes(input: Input, output: Output): boolean;
  /** Two unanswered operations with the same name are the same to everybody. */
  nameOf(input: Input): string;
  /** Operations on different keys do not touch each other, so each key's history is checked alone. */
  keyOf?(input: Input): string;
}

export const illegal = Symbol('illegal');
