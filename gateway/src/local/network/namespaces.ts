// A network for each region and each gateway peer of a local federation: namespaces, joined by a router that is one too,
// so that every packet between two places, and between one and the machine, goes through the router.
import { OUTSIDE } from '../../network/faults.ts';
import { StartError } from '../errors.ts';
import { type NetworkLayout, type NetworkPlace, namespacePrefix, outsideDevice } from './blocks.ts';
import { demandPrograms, ip, namespacesOf, run, within } from './commands.ts';

const DEVICE = 'eth0';
/** After faults (rules.ts), before the router's routes. */
const HIDDEN_PREFERENCE = 2_500;
const LOCAL_PREFERENCE = 3_000;
/** Of a region's block, where its members are: from .8 to .127. */
const MEMBER_BLOCKS = ['8/29', '16/28', '32/27', '64/26'] as const;
/** Forwards, and takes what comes back from a detour for no forgery. */
const ROUTER_SETTINGS: readonly (readonly [string, string])[] = [
  ['ip_forward', '1'],
  ['conf/all/rp_filter', '0'],
  ['conf/default/rp_filter', '0'],
];

/** Makes everything anew; what an earlier life left is taken away first. @throws StartError */
export async function makeNetwork(layout: NetworkLayout): Promise<void> {
  demandPrograms();
  await removeNetwork(layout.slot);
  try {
    await makeRouter(layout);
    for (const place of layout.places) await makePlace(layout, place);
    await translate(layout);
  } catch (error) {
    await removeNetwork(layout.slot);
    throw new StartError('The namespaces of --netns cannot be made.', { cause: error });
  }
}

/** Takes away everything of a slot's network. Processes that are still in it lose it. */
export async function removeNetwork(slot: number): Promise<void> {
  const left = namespacesOf(namespacePrefix(slot));
  if (left.length === 0) return;
  for (const namespace of left) await ip(`netns del ${namespace}`);
  // It goes with the router; but that may take the kernel a moment, and a process that is still in there longer.
  await ip(`link del ${outsideDevice(slot)}`).catch(() => undefined);
}

async function makeRouter({ router, outside, cidr }: NetworkLayout): Promise<void> {
  const { namespace, address } = router;
  await ip(`netns add ${namespace}`);
  const settings = ROUTER_SETTINGS.map(([name, value]) => `echo ${value} > /proc/sys/net/ipv4/${name}`);
  await run(within(namespace, ['sh', '-e', '-c', settings.join('\n')]));
  await ip(`-n ${namespace} link set lo up`);
  await ip(`-n ${namespace} addr add ${address}/32 dev lo`);

  await ip(`link add name ${outside.device} type veth peer name ${OUTSIDE} netns ${namespace}`);
  await ip(`-n ${namespace} link set ${OUTSIDE} up`);
  await ip(`-n ${namespace} route add ${outside.address}/32 dev ${OUTSIDE}`);
  await ip(`addr add ${outside.address}/32 dev ${outside.device}`);
  await ip(`link set ${outside.device} up`);
  await ip(`route add ${address}/32 dev ${outside.device} src ${outside.address}`);
  await ip(`route add ${cidr} via ${address} src ${outside.address}`);
}

/**
 * Addresses that are dialled are the router's own, where a program passes on what comes; those that are bound are reached
 * from the router only. The table of local addresses comes after the faults, so that links to them can be cut too.
 */
async function translate({ router, places }: NetworkLayout): Promise<void> {
  const { namespace } = router;
  const translated = places.filter(({ advertised }) => advertised !== undefined);
  if (translated.length === 0) return;
  await ip(`-n ${namespace} rule add pref ${LOCAL_PREFERENCE} lookup local`);
  await ip(`-n ${namespace} rule del pref 0 lookup local`);
  for (const { name, advertised, bound } of translated) {
    await ip(`-n ${namespace} route add local ${advertised} dev lo`);
    const others = [OUTSIDE, ...places.filter((place) => place.name !== name).map((place) => place.name)];
    const [block] = bound.split('.0/');
    for (const other of others) {
      for (const members of MEMBER_BLOCKS) {
        await ip(`-n ${namespace} rule add pref ${HIDDEN_PREFERENCE} iif ${other} to ${block}.${members} blackhole`);
      }
    }
  }
}

/** Its processes may bind any address of its block: all of them are local there, as all of 127/8 are on a machine. */
async function makePlace({ router }: NetworkLayout, place: NetworkPlace): Promise<void> {
  const { name, namespace, address, bound, cidr } = place;
  await ip(`netns add ${namespace}`);
  await ip(`link add name ${DEVICE} netns ${namespace} type veth peer name ${name} netns ${router.namespace}`);
  await ip(`-n ${namespace} link set lo up`);
  await ip(`-n ${namespace} addr add ${address}/32 dev ${DEVICE}`);
  await ip(`-n ${namespace} link set ${DEVICE} up`);
  await ip(`-n ${namespace} route add local ${bound} dev lo`);
  await ip(`-n ${namespace} route add ${router.address}/32 dev ${DEVICE}`);
  await ip(`-n ${namespace} route add default via ${router.address} src ${address}`);

  await ip(`-n ${router.namespace} link set ${name} up`);
  await ip(`-n ${router.namespace} route add ${address}/32 dev ${name}`);
  await ip(`-n ${router.namespace} route add ${cidr} via ${address} dev ${name}`);
}
