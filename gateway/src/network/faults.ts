// What can be wrong with the links of a local federation whose regions have networks of their own. A fault is of one
// direction between two places; whoever wants more says so by several. Pure: who makes them true is elsewhere.

/** A region's name (its executor, Keystone, Heat and members), a gateway peer's (`gateway-1`), or `OUTSIDE`. */
export type Place = string;

/** The machine itself: the command line, `psql`, whoever asks from there. */
export const OUTSIDE: Place = 'outside';

/** What happens to packets on their way from one place to another. */
export type LinkFault =
  | { readonly from: Place; readonly to: Place; readonly effect: 'cut' }
  | { readonly from: Place; readonly to: Place; readonly effect: 'slow'; readonly delayMs: number };

export interface NetworkPlaces {
  /** Each region, and the gateway peer that stands beside it. */
  readonly regions: readonly { readonly name: Place; readonly gateway: Place }[];
}

/** A region that is parted from others. */
export interface Isolation {
  readonly region: Place;
  /**
   * `gateways`: from every gateway peer, its own too. `regions`: from the other regions; the gateway sees it well.
   * `everything`: the whole site, its own gateway peer with it, from all other places and from outside.
   */
  readonly from: 'gateways' | 'regions' | 'everything';
  /** As the region sees it. Absent: both. */
  readonly direction?: 'both' | 'incoming' | 'outgoing' | undefined;
  /** Absent: nothing gets through. */
  readonly delayMs?: number | undefined;
}

/** Says which place there is not. */
export class UnknownPlaceError extends Error {
  override readonly name = 'UnknownPlaceError';
}

/** Every place that a fault may name. */
export function placesOf({ regions }: NetworkPlaces): readonly Place[] {
  return [...regions.flatMap(({ name, gateway }) => [name, gateway]), OUTSIDE];
}

/** The faults that isolate a region. @throws UnknownPlaceError */
export function isolate(places: NetworkPlaces, isolation: Isolation): LinkFault[] {
  const { region, from, direction = 'both', delayMs } = isolation;
  const site = places.regions.find(({ name }) => name === region);
  if (site === undefined) throw new UnknownPlaceError(`There is no region "${region}".`);
  const inside = from === 'everything' ? [site.name, site.gateway] : [site.name];
  const others = {
    gateways: places.regions.map(({ gateway }) => gateway),
    regions: places.regions.map(({ name }) => name).filter((name) => name !== region),
    everything: placesOf(places).filter((place) => !inside.includes(place)),
  }[from];
  return inside.flatMap((near) =>
    others.flatMap((far) => [
      ...(direction === 'incoming' ? [] : [faultOf(near, far, delayMs)]),
      ...(direction === 'outgoing' ? [] : [faultOf(far, near, delayMs)]),
    ]),
  );
}

function faultOf(from: Place, to: Place, delayMs: number | undefined): LinkFault {
  return delayMs === undefined ? { from, to, effect: 'cut' } : { from, to, effect: 'slow', delayMs };
}

/** One fault for each direction: a cut is more than a delay, and of delays the longest counts. @throws UnknownPlaceError */
export function combine(places: NetworkPlaces, faults: readonly LinkFault[]): LinkFault[] {
  const known = placesOf(places);
  const worst = new Map<string, LinkFault>();
  for (const fault of faults) {
    const unknown = [fault.from, fault.to].find((place) => !known.includes(place));
    if (unknown !== undefined) {
      throw new UnknownPlaceError(`There is no place "${unknown}"; there are ${known.join(', ')}.`);
    }
    const key = `${fault.from} ${fault.to}`;
    const other = worst.get(key);
    if (other === undefined || weight(fault) > weight(other)) worst.set(key, fault);
  }
  return [...worst.values()];
}

function weight(fault: LinkFault): number {
  return fault.effect === 'cut' ? Number.POSITIVE_INFINITY : fault.delayMs;
}
