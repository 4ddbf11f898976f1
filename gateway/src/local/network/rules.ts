// From faults to what the router is told: one rule for each direction of a link, by where a packet comes in and where
// it goes. Pure.
import { type LinkFault, OUTSIDE } from '../../network/faults.ts';
import type { NetworkLayout } from './blocks.ts';

/** The kernel looks at the rules in this order; its own begin at 32766. */
const CUT_PREFERENCE = 1_000;
const SLOW_PREFERENCE = 2_000;
/** The table of routes in which everything goes to the device that lets packets wait. */
export const SLOW_TABLE = 77;

/** What `ip rule add` and `ip rule del` take. */
export function rulesOf(layout: NetworkLayout, faults: readonly LinkFault[]): string[] {
  return faults.flatMap(({ from, to, effect }) => {
    // What answers for translated addresses is in the router.
    const advertised = layout.places.find(({ name }) => name === from)?.advertised;
    const origins = [`iif ${from}`, ...(advertised === undefined ? [] : [`from ${advertised} iif lo`])];
    return origins.map((origin) => {
      const way = `${origin} to ${cidrOf(layout, to)}`;
      return effect === 'cut'
        ? `pref ${CUT_PREFERENCE} ${way} blackhole`
        : `pref ${SLOW_PREFERENCE} ${way} lookup ${SLOW_TABLE}`;
    });
  });
}

/** What is told to the program that lets packets wait: from where, to where, how many milliseconds. */
export function delaysOf(layout: NetworkLayout, faults: readonly LinkFault[]): [string, string, number][] {
  return faults.flatMap((fault): [string, string, number][] =>
    fault.effect === 'slow' ? [[cidrOf(layout, fault.from), cidrOf(layout, fault.to), fault.delayMs]] : [],
  );
}

function cidrOf({ places, outside }: NetworkLayout, place: string): string {
  if (place === OUTSIDE) return `${outside.address}/32`;
  const found = places.find(({ name }) => name === place);
  if (found === undefined) throw new Error(`"${place}" is in no network.`);
  return found.cidr;
}
