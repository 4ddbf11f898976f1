// Fixed addresses of ports, drawn from a network's range. An address is free again only when its port is deleted.

/** The first free address from `firstHost` on; undefined when the network is full. */
export function allotAddress(
  network: { readonly cidr: string; readonly firstHost: string },
  taken: ReadonlySet<string>,
): string | undefined {
  const [base = '', bits = '32'] = network.cidr.split('/');
  // The last address is the network's broadcast.
  const last = toNumber(base) + 2 ** (32 - Number(bits)) - 2;
  for (let address = toNumber(network.firstHost); address <= last; address += 1) {
    const text = toText(address);
    if (!taken.has(text)) return text;
  }
  return undefined;
}

function toNumber(address: string): number {
  return address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
}

function toText(address: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join('.');
}
