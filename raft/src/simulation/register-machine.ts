// The replicated state of the simulation: registers, and a chain of hashes over all that was applied, so that two
// machines which applied different things can never look alike, not even through a snapshot.
import type { CommittedEntry, StateMachine } from '../driver/options.ts';

export type ChangingCommand =
  | {
      readonly type: 'write';
      readonly key: string;
      readonly value: number;
      readonly padding?: string;
      readonly isNew?: boolean;
    }
  | { readonly type: 'cas'; readonly key: string; readonly from: number | null; readonly to: number };

export type Command =
  | ChangingCommand
  /** `once` names it: it must have an effect once at most. */
  | { readonly type: 'add'; readonly key: string; readonly by: number; readonly once: string };

/** What a command found. */
export interface CommandResult {
  readonly found: number | undefined;
  readonly isSet: boolean;
}

/** The kind of writes that are new: a machine of the earlier version cannot apply them. */
export const newKind = 'new-writes';

export interface MachineWatcher {
  applied(entry: CommittedEntry, chain: number, once: string | undefined): void;
  restored(index: number, chain: number): void;
  copied(): void;
}

export function encodeCommand(command: Command): Buffer {
  return Buffer.from(JSON.stringify(command));
}

export class RegisterMachine implements StateMachine {
  readonly values = new Map<string, number>();
  readonly #watcher: MachineWatcher;
  readonly #ballast: string;
  #chain = 0;
  #index = 0;

  readonly #knowsNew: boolean;

  /** Its snapshots have so many bytes besides, no place of which looks like another. */
  constructor(ballastBytes: number, knowsNew: boolean, watcher: MachineWatcher) {
    this.#knowsNew = knowsNew;
    this.#ballast = Array.from({ length: ballastBytes / 8 }, (_, at) => String(at).padStart(8, '0')).join('');
    this.#watcher = watcher;
  }

  apply(entry: CommittedEntry): CommandResult {
    this.#chain = chained(this.#chain, entry);
    this.#index = entry.index;
    const command = JSON.parse(Buffer.from(entry.data).toString()) as Command;
    this.#watcher.applied(entry, this.#chain, command.type === 'add' ? command.once : undefined);
    const found = this.values.get(command.key);
    if (command.type === 'write') {
      if (command.isNew && !this.#knowsNew) throw new Error('A machine was given what it cannot apply.');
      this.values.set(command.key, command.value);
      return { found, isSet: true };
    }
    if (command.type === 'add') {
      this.values.set(command.key, (found ?? 0) + command.by);
      return { found, isSet: true };
    }
    const isSet = found === (command.from ?? undefined);
    if (isSet) this.values.set(command.key, command.to);
    return { found, isSet };
  }

  snapshot(): Uint8Array {
    this.#watcher.copied();
    const state = { index: this.#index, chain: this.#chain, values: [...this.values], ballast: this.#ballast };
    return Buffer.from(JSON.stringify(state));
  }

  restore(data: Uint8Array): void {
    const state = JSON.parse(Buffer.from(data).toString()) as {
      index: number;
      chain: number;
      values: [string, number][];
      ballast: string;
    };
    if (state.ballast !== this.#ballast) throw new Error('The state is not what was saved.');
    this.values.clear();
    for (const [key, value] of state.values) this.values.set(key, value);
    this.#chain = state.chain;
    this.#index = state.index;
    this.#watcher.restored(state.index, state.chain);
  }
}

function chained(before: number, { index, term, data }: CommittedEntry): number {
  let hash = Math.imul(before ^ index, 0x01000193) ^ Math.imul(term, 0x9e3779b1);
  for (const byte of data) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}
