/** As URIs and dialling have it: an IPv6 address stands in brackets (RFC 3986, 3.2.2). */
export function hostAndPort(address: string, port: number): string {
  return `${address.includes(':') ? `[${address}]` : address}:${port}`;
}
