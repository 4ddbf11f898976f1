// The addresses of a local federation whose regions have networks of their own. They are taken from 198.18.0.0/15, which
// is set apart for trying networks out (RFC 2544) and so is in nobody's way: eight blocks of 256 for each slot, the
// first for what lies between the regions, then one for each region.

import type { NetworkPlaces } from '../../network/faults.ts';

const BLOCKS_PER_SLOT = 8;
const FIRST_BYTES = '198';
const SECOND_BYTE = 18;
const BLOCKS_PER_SECOND_BYTE = 256;
/** Of a gateway peer's place: 16 addresses. */
const GATEWAY_BLOCK = 16;

/** A place that has a namespace: what it is called there, and its addresses. */
export interface NetworkPlace {
  readonly name: string;
  readonly namespace: string;
  /** Everything that is routed to it. */
  readonly cidr: string;
  /** Those that its processes may bind. */
  readonly bound: string;
  /** Its own on its way out. */
  readonly address: string;
  /** What its members are dialled at, in place of what they bind; absent: nothing is translated. */
  readonly advertised?: string;
}

/** The network of one slot. */
export interface NetworkLayout {
  readonly slot: number;
  /** Between the places; it alone forwards. */
  readonly router: { readonly namespace: string; readonly address: string };
  /** The machine's end: its interface and its address there. */
  readonly outside: { readonly device: string; readonly address: string };
  readonly cidr: string;
  /** Two for each region: itself, and its gateway peer. */
  readonly places: readonly NetworkPlace[];
  readonly sites: NetworkPlaces;
}

/** `198.18.B` of a block of a slot; block 0 lies between the regions, which have those from 1 on. */
export function blockOf(slot: number, index: number): string {
  const block = BLOCKS_PER_SLOT * slot + index;
  const second = SECOND_BYTE + Math.floor(block / BLOCKS_PER_SECOND_BYTE);
  return `${FIRST_BYTES}.${second}.${block % BLOCKS_PER_SECOND_BYTE}`;
}

/** Where the gateway peer of a region's number has its addresses: `.0` to `.15` from here on. */
export function gatewayHost(number: number, host: number): number {
  return GATEWAY_BLOCK * number + host;
}

/** What every name of a slot's namespaces begins with. */
export function namespacePrefix(slot: number): string {
  return `argosy-${slot}-`;
}

export function outsideDevice(slot: number): string {
  return `argosy${slot}`;
}

export function layOutNetwork(
  slot: number,
  regions: readonly { readonly name: string; readonly number: number; readonly isTranslated?: boolean }[],
): NetworkLayout {
  const between = blockOf(slot, 0);
  const namespace = (name: string): string => `${namespacePrefix(slot)}${name}`;
  return {
    slot,
    router: { namespace: namespace('router'), address: `${between}.1` },
    outside: { device: outsideDevice(slot), address: `${between}.2` },
    cidr: `${between}.0/21`,
    sites: { regions: regions.map(({ name, number }) => ({ name, gateway: gatewayPlace(number) })) },
    places: regions.flatMap(({ name, number, isTranslated }): NetworkPlace[] => {
      const gateway = gatewayPlace(number);
      const [own, peer] = [blockOf(slot, number), `${between}.${gatewayHost(number, 0)}/28`];
      return [
        {
          ...{ name, namespace: namespace(name), cidr: `${own}.0/24`, bound: `${own}.0/25`, address: `${own}.1` },
          ...(isTranslated === true ? { advertised: `${own}.128/25` } : {}),
        },
        {
          ...{ name: gateway, namespace: namespace(gateway), cidr: peer, bound: peer },
          address: `${between}.${gatewayHost(number, 1)}`,
        },
      ];
    }),
  };
}

/** The place of the gateway peer that stands beside a region. */
export function gatewayPlace(number: number): string {
  return `gateway-${number}`;
}
