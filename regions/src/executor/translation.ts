// Where a member is dialled, when the provider translates addresses one to one: two networks of the same size, of which
// one is bound and the other dialled. Certificates are of names, so nothing else needs to know.

export interface Translation {
  /** `a.b.c.d/n`: what members bind. */
  readonly local: string;
  /** What others dial, of the same size. */
  readonly advertised: string;
}

/** The address that others dial; the same where nothing is translated. */
export function advertisedAddress(address: string, translations: readonly Translation[]): string {
  for (const { local, advertised } of translations) {
    const [from, to, bits] = [...[local, advertised].map(baseOf), Number(local.split('/')[1])];
    const offset = toNumber(address) - (from ?? 0);
    if (from === undefined || to === undefined || offset < 0 || offset >= 2 ** (32 - (bits ?? 32))) continue;
    return toText(to + offset);
  }
  return address;
}

function baseOf(cidr: string): number {
  const [base = '', bits = '32'] = cidr.split('/');
  const size = 2 ** (32 - Number(bits));
  return Math.floor(toNumber(base) / size) * size;
}

function toNumber(address: string): number {
  return address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
}

function toText(address: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join('.');
}
