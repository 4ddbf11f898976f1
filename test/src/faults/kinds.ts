// The faults that there are. Each is made at once, and answers what heals it; who is struck is chosen by the run's own
// chance, so that a seed names a run.
import type { NetworkControl } from '@argosy/gateway';
import type { Guests } from '../continuity/guests.ts';
import type { MemberView } from '../crash-matrix/tenant.ts';
import { type FederationFile, findGuests, readFederation } from '../crash-matrix/victims.ts';
import type { SmallDisks } from './small-disks.ts';

export interface Struck {
  /** For the protocol. */
  readonly what: string;
  readonly heal: () => Promise<void> | void;
}

export interface FaultScene {
  readonly home: string;
  readonly guests: Guests;
  readonly members: readonly MemberView[];
  /** The peer that leads. */
  readonly leader: number | undefined;
  readonly network: NetworkControl | undefined;
  readonly disks: SmallDisks | undefined;
  readonly chance: () => number;
}

export interface FaultKind {
  readonly name: string;
  /** What root only makes. */
  readonly needs?: 'network' | 'disks';
  make(scene: FaultScene): Promise<Struck> | Struck;
}

const SLOW_MS = [50, 400] as const;
/** Half of the 600 ms after which an agent that does not answer is missed: the shortest of the detection's times. */
const DELAYS_MS = [10, 300] as const;
const FAULT_NAME = 'faults';

const nothing = (): void => undefined;

export const faultKinds: readonly FaultKind[] = [
  memberFault('primary-killed', ({ role }) => role === 'primary', killMember),
  memberFault('replica-killed', ({ role }) => role !== 'primary', killMember),
  memberFault('primary-frozen', ({ role }) => role === 'primary', freezeMember),
  memberFault('replica-frozen', ({ role }) => role !== 'primary', freezeMember),
  memberFault('database-killed', () => true, killDatabase),
  memberFault('agent-killed', () => true, killAgent),
  {
    name: 'region-killed',
    make: ({ home, guests, chance }) => {
      const { name, peer } = regionOf(home, chance);
      const giveBack = guests.cutRegion(name);
      signal(peer, 'SIGKILL');
      return { what: name, heal: giveBack };
    },
  },
  processFault('leader-killed', 'SIGKILL', ({ home, leader }) => peerOf(readFederation(home), leader)),
  processFault('leader-frozen', 'SIGSTOP', ({ home, leader }) => peerOf(readFederation(home), leader)),
  processFault('executor-killed', 'SIGKILL', ({ home, chance }) => pick(readFederation(home).regions, chance)?.pid),
  processFault('executor-frozen', 'SIGSTOP', ({ home, chance }) => pick(readFederation(home).regions, chance)?.pid),
  processFault(
    'cloud-killed',
    'SIGKILL',
    ({ home, chance }) => pick(readFederation(home).regions, chance)?.microcloud_pid,
  ),
  {
    name: 'control-plane-killed',
    make: ({ home }) => {
      const { peers, regions } = readFederation(home);
      for (const { pid } of [...peers, ...regions]) signal(pid, 'SIGKILL');
      return { what: 'every peer and executor', heal: nothing };
    },
  },
  diskFault('disk-full-of-primary', ({ role }) => role === 'primary'),
  diskFault('disk-full-of-replica', ({ role }) => role !== 'primary'),
  ...(['gateways', 'regions', 'everything'] as const).flatMap((from) =>
    (['both', 'incoming', 'outgoing'] as const).map((direction) => networkFault(from, direction)),
  ),
  networkFault('everything', 'both', SLOW_MS),
  networkFault('regions', 'both', SLOW_MS),
];

/** Links that are slow by less than what makes a primary missed. */
export const delayKinds: readonly FaultKind[] = (['gateways', 'regions', 'everything'] as const).flatMap((from) =>
  (['both', 'incoming', 'outgoing'] as const).map((direction) => networkFault(from, direction, DELAYS_MS)),
);

function memberFault(
  name: string,
  isMeant: (member: MemberView) => boolean,
  strike: (scene: FaultScene, member: MemberView) => () => void,
): FaultKind {
  return {
    name,
    make: (scene) => {
      const member = pick(scene.members.filter(isMeant), scene.chance);
      if (member === undefined) return { what: 'nobody', heal: nothing };
      return { what: `${member.id.split('-').at(-1)} in ${member.region}`, heal: strike(scene, member) };
    },
  };
}

function diskFault(name: string, isMeant: (member: MemberView) => boolean): FaultKind {
  const fill = ({ home, disks }: FaultScene, { region }: MemberView): (() => void) =>
    disks?.fill(home, region) ?? nothing;
  return { ...memberFault(name, isMeant, fill), needs: 'disks' };
}

function processFault(
  name: string,
  how: 'SIGKILL' | 'SIGSTOP',
  find: (scene: FaultScene) => number | null | undefined,
): FaultKind {
  return {
    name,
    make: (scene) => {
      const pid = find(scene);
      signal(pid, how);
      return { what: `pid ${pid}`, heal: how === 'SIGSTOP' ? () => signal(pid, 'SIGCONT') : nothing };
    },
  };
}

function networkFault(
  from: 'gateways' | 'regions' | 'everything',
  direction: 'both' | 'incoming' | 'outgoing',
  slowMs?: readonly [number, number],
): FaultKind {
  return {
    name: `${slowMs === undefined ? 'cut' : 'slow'}-from-${from}${direction === 'both' ? '' : `-${direction}`}`,
    needs: 'network',
    make: async ({ home, network, chance }) => {
      const { name: region } = regionOf(home, chance);
      const [least, most] = slowMs ?? [0, 0];
      const delayMs = Math.round(least + (most - least) * chance());
      const how = slowMs === undefined ? {} : { delayMs };
      await network?.put(FAULT_NAME, { isolate: [{ region, from, direction, ...how }] });
      const heal = async (): Promise<void> => await network?.heal(FAULT_NAME);
      return { what: `${region}${slowMs === undefined ? '' : ` by ${delayMs} ms`}`, heal };
    },
  };
}

function killMember({ guests }: FaultScene, { id }: MemberView): () => void {
  return guests.cutPower(({ memberId }) => memberId === id);
}

function freezeMember({ guests }: FaultScene, { id }: MemberView): () => void {
  return guests.freeze(id);
}

function killDatabase({ home }: FaultScene, { id }: MemberView): () => void {
  for (const { pid, role, memberId } of findGuests(home))
    if (memberId === id && role === 'database') signal(pid, 'SIGKILL');
  return nothing;
}

function killAgent({ home }: FaultScene, { id }: MemberView): () => void {
  for (const { pid, role, memberId } of findGuests(home))
    if (memberId === id && role === 'agent') signal(pid, 'SIGKILL');
  return nothing;
}

/** With the gateway peer that stands beside it. */
function regionOf(home: string, chance: () => number): { readonly name: string; readonly peer: number | null } {
  const { regions, peers } = readFederation(home);
  const index = Math.floor(chance() * regions.length);
  return { name: regions[index]?.name ?? '', peer: peers[index]?.pid ?? null };
}

function peerOf({ peers }: FederationFile, id: number | undefined): number | null | undefined {
  return (peers.find((peer) => peer.id === id) ?? peers[0])?.pid;
}

export function pick<Element>(elements: readonly Element[], chance: () => number): Element | undefined {
  return elements[Math.floor(chance() * elements.length)];
}

function signal(pid: number | null | undefined, name: NodeJS.Signals): void {
  if (pid === null || pid === undefined) return;
  try {
    process.kill(pid, name);
  } catch (error) {
    // It has ended by itself meanwhile.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
