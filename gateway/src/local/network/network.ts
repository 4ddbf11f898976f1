// The network of a local federation's life: made, watched over for faults that are asked for, and taken away.
import type { Clock } from '@argosy/proto';
import type { RegionLayout } from '../layout.ts';
import type { NetworkLayout } from './blocks.ts';
import { serveControl } from './control.ts';
import { forward } from './forwarding.ts';
import { Links } from './links.ts';
import { makeNetwork, removeNetwork } from './namespaces.ts';
import { SlowLinks } from './slow-links.ts';
import { runTranslator } from './translator.ts';

export interface LocalNetworkOptions {
  readonly layout: NetworkLayout;
  /** Whose REST is passed on. */
  readonly regions: readonly Pick<RegionLayout, 'rest' | 'restListen'>[];
  readonly repository: string;
  /** The Unix socket at which faults are asked for. */
  readonly control: string;
  readonly clock: Clock;
  readonly onFailure: (error: unknown) => void;
}

export class LocalNetwork {
  readonly #slot: number;
  readonly #closers: (() => void)[] = [];

  private constructor(slot: number) {
    this.#slot = slot;
  }

  /** @throws StartError; nothing is left then. */
  static async open(options: LocalNetworkOptions): Promise<LocalNetwork> {
    const { layout, regions, repository, control, clock, onFailure } = options;
    const network = new LocalNetwork(layout.slot);
    try {
      await makeNetwork(layout);
      const slow = new SlowLinks(layout.router.namespace, repository);
      const links = new Links({ layout, slow, clock, onFailure });
      network.#closers.push(
        () => links.close(),
        () => slow.close(),
      );
      if (layout.places.some(({ advertised }) => advertised !== undefined)) {
        network.#closers.push(runTranslator(layout.router.namespace, clock));
      }
      network.#closers.push(await serveControl(links, control));
      for (const { rest, restListen } of regions) network.#closers.push(await forward(rest, restListen));
      return network;
    } catch (error) {
      await network.close();
      throw error;
    }
  }

  async close(): Promise<void> {
    for (const close of this.#closers.splice(0).reverse()) close();
    await removeNetwork(this.#slot);
  }
}
