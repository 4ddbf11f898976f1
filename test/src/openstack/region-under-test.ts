// The region that the contract is held against, as microcloud and Keystone are told of it.
let networks = 0;

/** A network of addresses that no other test of this machine uses at this time. */
export function newNetwork(): { readonly name: string; readonly cidr: string; readonly firstHost: string } {
  networks += 1;
  const number = (process.pid * 8 + networks) % (40 * 256);
  const prefix = `127.${200 + Math.floor(number / 256)}.${number % 256}`;
  return { name: 'members', cidr: `${prefix}.0/24`, firstHost: `${prefix}.10` };
}

export const ADDRESS = '127.0.0.1';
export const REGION = 'north';
/** How many stacks a project may have. */
export const MAX_STACKS = 6;

export const PROJECTS = [
  { id: 'a'.repeat(32), name: 'service' },
  { id: 'b'.repeat(32), name: 'demo' },
];
export const USERS = [
  { name: 'argosy', password: 'secret', project: 'service', roles: ['member', 'reader'] },
  { name: 'demo', password: 'demo', project: 'demo', roles: ['member', 'reader'] },
  { name: 'admin', password: 'admin', project: 'service', roles: ['admin', 'member', 'reader'] },
];
export const FLAVORS = [
  { name: 'm1.small', vcpus: 1, ram: 512, disk: 1 },
  { name: 'm1.large', vcpus: 2, ram: 1024, disk: 1 },
];
export const MEMBER_ADDRESS = /^127\.2\d\d\.\d+\.\d+$/;
/** The second takes no server. */
export const ZONES = [{ name: 'north-a' }, { name: 'north-b', capacity: 0 }];
export const IMAGE = 'member';
