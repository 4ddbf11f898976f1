import { illegal, type Model, type Operation } from './sequential-object.ts';

export type RegisterValue = string | number | undefined;

export type RegisterInput =
  | { readonly type: 'read'; readonly key?: string }
  | { readonly type: 'write'; readonly key?: string; readonly value: RegisterValue }
  | { readonly type: 'cas'; readonly key?: string; readonly from: RegisterValue; readonly to: RegisterValue }
  | { readonly type: 'add'; readonly key?: string; readonly by: number };

/** What was read; whether a compare-and-set found what it expected, and perhaps what it found; a write says nothing; an addition, what was there. */
export type RegisterOutput =
  | { readonly type: 'read'; readonly value: RegisterValue }
  | { readonly type: 'write' }
  | { readonly type: 'cas'; readonly isSet: boolean; readonly found?: { readonly value: RegisterValue } }
  | { readonly type: 'add'; readonly found: RegisterValue };

export type RegisterOperation = Operation<RegisterInput, RegisterOutput>;

/** Registers that begin empty, one for each key. */
export const registerModel: Model<RegisterValue, RegisterInput, RegisterOutput> = {
  initial: undefined,
  step(state, input, output) {
    switch (input.type) {
      case 'read':
        return output === undefined || (output.type === 'read' && output.value === state) ? state : illegal;
      case 'write':
        return input.value;
      case 'cas': {
        const isSet = input.from === state;
        if (output !== undefined && (output.type !== 'cas' || output.isSet !== isSet)) return illegal;
        if (output?.found !== undefined && output.found.value !== state) return illegal;
        return isSet ? input.to : state;
      }
      case 'add':
        if (output !== undefined && (output.type !== 'add' || output.found !== state)) return illegal;
        return Number(state ?? 0) + input.by;
    }
  },
  observes: (_input, output) => output.type === 'read' || (output.type === 'cas' && !output.isSet),
  overwrites: (input) => input.type === 'write',
  nameOf: (input) => JSON.stringify(input),
  keyOf: (input) => input.key ?? '',
};
