// The file of settings of a member of a group, rendered whole. What differs from start to start (who is dialled, where the
// data end, who begins) is told to the server when it starts.
import { crc32 } from 'node:zlib';
import type { DriverOptions } from '../../driver.ts';
import { hostAndPort } from '../../host-and-port.ts';
import type { AccountSettings } from '../accounts.ts';
import { startStatements } from '../accounts.ts';
import { type MemberSettings, renderSettings } from '../config.ts';
import { MEMBERS_GRANTS } from './group.ts';
import { COPY_METHOD, type Layout } from './layout.ts';
import { CATCH_UP_PORT, GROUP_PORT } from './ports.ts';

/** Nobody ever connects there: the server wants it to be named. */
const COPY_PORT = 4444;
/** Segments are numbered by a byte. */
const SEGMENTS = 256;
/** What a member remembers for those that were away: who was away for longer is copied anew. */
const REMEMBERED = '64M';

const FIXED: Readonly<Record<string, string | number>> = {
  'wsrep-on': 'ON',
  'wsrep-sst-method': COPY_METHOD,
  // What was acknowledged by another member is read here too: a read waits for what came before it.
  'wsrep-sync-wait': 1,
  'binlog-format': 'ROW',
  'innodb-autoinc-lock-mode': 2,
};

/** How soon a silent member is counted out. ISO 8601 durations. */
const GROUP: Readonly<Record<string, string>> = {
  'evs.suspect_timeout': 'PT1S',
  'evs.inactive_timeout': 'PT3S',
  'evs.inactive_check_period': 'PT0.2S',
  'evs.keepalive_period': 'PT0.3S',
  'evs.install_timeout': 'PT1S',
  'evs.join_retrans_period': 'PT0.3S',
  // After a crash of all, the last view comes back by itself as soon as all of it is there.
  'pc.recovery': 'true',
  'socket.ssl': 'yes',
};

export interface GroupSettings extends MemberSettings {
  readonly layout: Layout;
  readonly memberId: string;
  readonly region: string;
}

export function renderGroupConfig(member: GroupSettings): string {
  const { layout, address, engine } = member;
  const provider = {
    ...groupOptions(layout, member),
    'ist.recv_addr': hostAndPort(address, CATCH_UP_PORT),
    'ist.recv_bind': hostAndPort(address, CATCH_UP_PORT),
    'gcache.size': REMEMBERED,
    'gcache.recover': 'yes',
  };
  return renderSettings(member, {
    ...FIXED,
    'wsrep-provider': `${engine}/lib/galera/libgalera_smm.so`,
    'wsrep-provider-options': `"${written(provider)}"`,
    'wsrep-cluster-name': groupName(member.clusterId),
    'wsrep-cluster-address': groupAddress([address]),
    'wsrep-node-name': serverNameIn(member.memberId),
    'wsrep-node-address': address,
    'wsrep-node-incoming-address': hostAndPort(address, member.port),
    'wsrep-sst-receive-address': hostAndPort(address, COPY_PORT),
  });
}

/** Where one listens in the group, whom it lets in, and when it gives somebody up. */
function groupOptions(
  layout: Layout,
  { address, region }: { readonly address: string; readonly region: string },
): Record<string, string> {
  return {
    base_dir: layout.data,
    'gmcast.listen_addr': `ssl://${hostAndPort(address, GROUP_PORT)}`,
    'gmcast.segment': String(segmentOf(region)),
    'socket.ssl_ca': layout.groupCertificateFile,
    'socket.ssl_cert': layout.groupCertificateFile,
    'socket.ssl_key': layout.groupKeyFile,
    ...GROUP,
  };
}

function written(options: Readonly<Record<string, string>>): string {
  return Object.entries(options)
    .map(([name, value]) => `${name}=${value}`)
    .join(';');
}

/** What the arbiter's program is told: it has no file of settings. `addresses` are those of members with data. */
export function arbiterArguments(
  { clusterId, memberId, address, region }: Pick<DriverOptions, 'clusterId' | 'memberId' | 'address' | 'region'>,
  layout: Layout,
  addresses: readonly string[],
): string[] {
  const options = {
    group: groupName(clusterId),
    name: serverNameIn(memberId),
    address: groupAddress(addresses),
    options: written(groupOptions(layout, { address, region })),
  };
  return Object.entries(options).map(([name, value]) => `--${name}=${value}`);
}

/** The engine takes no longer name, and sends away who comes by one; who may come in is up to the certificate. */
const LONGEST_NAME = 32;

function groupName(clusterId: string): string {
  return clusterId.replaceAll('-', '').slice(0, LONGEST_NAME);
}

/** What the others call a member's server: its cluster they know. */
export function serverNameIn(memberId: string): string {
  return `member${memberId.slice(memberId.lastIndexOf('-'))}`.slice(0, LONGEST_NAME);
}

/** Whom a server dials. Never empty: to the engine that would mean to begin a group of its own. */
export function groupAddress(addresses: readonly string[]): string {
  if (addresses.length === 0) throw new Error('A member of a group dials at least itself.');
  return `gcomm://${addresses.map((address) => hostAndPort(address, GROUP_PORT)).join(',')}`;
}

/** Between segments a change is sent once. Two regions of one number cost some traffic, and nothing else. */
function segmentOf(region: string): number {
  return crc32(region) % SEGMENTS;
}

/** They are each server's own, and are made before it is in the group. */
export function groupStartStatements(settings: AccountSettings): readonly string[] {
  return ['set session wsrep_on = off', ...startStatements(settings), ...MEMBERS_GRANTS];
}

/**
 * Run by the server, by a name that it makes itself, where it would copy a whole database. Copies are made by the agents,
 * before a server starts; what is left is what happened since, which the servers hand over by themselves. Who would need
 * more than that is refused, ends, and is copied.
 */
export function copyTool({ positionFile }: Layout): string {
  return `#!/bin/sh
role= part= reached=
while [ $# -gt 0 ]; do
  case "$1" in
    --role) role=$2; shift ;;
    --gtid) reached=$2; shift ;;
    --bypass) part=1 ;;
  esac
  shift
done
if [ "$role" = joiner ]; then
  echo 'ready agent'
  exec cat '${positionFile}'
fi
[ -n "$part" ] || exit 93
echo "done $reached"
`;
}
