// The faults that are in force in a local federation's network: named sets, each of which ends by itself in time. What
// the router is told is always the whole of them, so that nothing depends on who was there before.
import type { Clock, Timer } from '@argosy/proto';
import type { FaultSet } from '../../network/client.ts';
import { combine, isolate, type LinkFault, type NetworkPlaces } from '../../network/faults.ts';
import type { NetworkLayout } from './blocks.ts';
import { run } from './commands.ts';
import { delaysOf, rulesOf } from './rules.ts';
import type { Delays } from './slow-links.ts';

const MS_PER_SECOND = 1_000;

export interface LinksOptions {
  readonly layout: NetworkLayout;
  readonly slow: { set(delays: Delays): Promise<void> };
  readonly clock: Clock;
  /** Runs lines of `ip` in the router. */
  readonly tell?: (lines: readonly string[]) => Promise<void>;
  /** A set that ended by itself could not be healed. */
  readonly onFailure: (error: unknown) => void;
}

interface Named {
  readonly faults: readonly LinkFault[];
  readonly expiresAt: Date | undefined;
  readonly timer: Timer | undefined;
}

export class Links {
  readonly #options: LinksOptions;
  readonly #sets = new Map<string, Named>();
  #rules: readonly string[] = [];
  #work: Promise<void> = Promise.resolve();

  constructor(options: LinksOptions) {
    this.#options = options;
  }

  get places(): NetworkPlaces {
    return this.#options.layout.sites;
  }

  /** What is in force, by the names of the sets. */
  sets(): { name: string; faults: readonly LinkFault[]; expiresAt: Date | undefined }[] {
    return [...this.#sets].map(([name, { faults, expiresAt }]) => ({ name, faults, expiresAt }));
  }

  /** In force when it answers. @throws UnknownPlaceError, StartError */
  put(name: string, set: FaultSet): Promise<void> {
    const { clock, onFailure } = this.#options;
    const { places } = this;
    const { faults = [], isolate: isolations = [], expiresInSeconds } = set;
    const all = combine(places, [...faults, ...isolations.flatMap((isolation) => isolate(places, isolation))]);
    const limitMs = expiresInSeconds === undefined ? undefined : expiresInSeconds * MS_PER_SECOND;
    return this.#change(() => {
      this.#sets.get(name)?.timer?.cancel();
      this.#sets.set(name, {
        faults: all,
        expiresAt: limitMs === undefined ? undefined : new Date(clock.now().getTime() + limitMs),
        timer: limitMs === undefined ? undefined : clock.after(limitMs, () => this.heal(name).catch(onFailure)),
      });
    });
  }

  /** Healed when it answers. @throws StartError */
  heal(name: string): Promise<void> {
    return this.#change(() => {
      this.#sets.get(name)?.timer?.cancel();
      this.#sets.delete(name);
    });
  }

  close(): void {
    for (const { timer } of this.#sets.values()) timer?.cancel();
  }

  /** One after the other: the router is told the difference to what it was told last. */
  #change(act: () => void): Promise<void> {
    const done = this.#work.then(async () => {
      const before = [...this.#sets];
      act();
      try {
        await this.#apply();
      } catch (error) {
        // What could not be made true is not wished any more.
        this.#sets.clear();
        for (const [name, set] of before) this.#sets.set(name, set);
        await this.#apply().catch(() => undefined);
        throw error;
      }
    });
    this.#work = done.catch(() => undefined);
    return done;
  }

  async #apply(): Promise<void> {
    const { layout, slow } = this.#options;
    const faults = combine(
      this.places,
      [...this.#sets.values()].flatMap(({ faults: some }) => some),
    );
    await slow.set(delaysOf(layout, faults));
    const wanted = rulesOf(layout, faults);
    const lines = [
      ...wanted.filter((rule) => !this.#rules.includes(rule)).map((rule) => `rule add ${rule}`),
      ...this.#rules.filter((rule) => !wanted.includes(rule)).map((rule) => `rule del ${rule}`),
    ];
    const before = this.#rules;
    // Until it has answered, either may be in force.
    this.#rules = [...new Set([...before, ...wanted])];
    if (lines.length > 0) await (this.#options.tell ?? tellRouter(layout))(lines);
    this.#rules = wanted;
  }
}

function tellRouter({ router }: NetworkLayout): (lines: readonly string[]) => Promise<void> {
  return async (lines) => {
    await run(['ip', '-n', router.namespace, '-force', '-batch', '-'], `${lines.join('\n')}\n`);
  };
}
