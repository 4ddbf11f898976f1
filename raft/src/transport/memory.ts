// Peers in one process, for tests: messages arrive in a later turn of the event loop, in order, unless the network is
// told to lose them.
import type { Message } from '../core/messages.ts';
import type { Transport } from './transport.ts';

export class MemoryNetwork {
  readonly #receivers = new Map<number, (message: Message) => void>();
  readonly #cut = new Set<number>();
  #filter: (message: Message) => boolean = () => true;

  /** The transport of one peer. After its `close`, another may take its place. */
  transport(): Transport {
    let own: { id: number; receive: (message: Message) => void } | undefined;
    return {
      start: ({ id, receive }) => {
        own = { id, receive };
        this.#receivers.set(id, receive);
      },
      send: (messages) => {
        for (const message of messages) this.#deliver(message);
      },
      close: async () => {
        if (own !== undefined && this.#receivers.get(own.id) === own.receive) this.#receivers.delete(own.id);
      },
    };
  }

  /** Loses everything to and from this peer. */
  cut(id: number): void {
    this.#cut.add(id);
  }

  heal(id: number): void {
    this.#cut.delete(id);
  }

  /** Delivers only what this returns true for. */
  filter(filter: (message: Message) => boolean): void {
    this.#filter = filter;
  }

  #deliver(message: Message): void {
    setImmediate(() => {
      if (this.#cut.has(message.to) || this.#cut.has(message.from) || !this.#filter(message)) return;
      this.#receivers.get(message.to)?.(message);
    });
  }
}
