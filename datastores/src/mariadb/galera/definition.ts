// What is different of MariaDB where Galera rules the cluster. Pure.
import type { DatastoreDefinition } from '../../definition.ts';
import { PARAMETERS, RESERVED } from '../parameters.ts';
import { CATCH_UP_PORT, GROUP_PORT } from './ports.ts';
import { compareInGroup } from './position.ts';

const GROUP = 'Argosy sets it, for it is how the members of a group agree';
/** How rows are numbered is one thing for all members: each has its own share of the numbers. */
const { innodb_autoinc_lock_mode: _ours, ...parameters } = PARAMETERS;

export const GALERA: NonNullable<DatastoreDefinition['ruled']> = {
  mode: 'galera',
  peerPorts: [GROUP_PORT, CATCH_UP_PORT],
  members: { min: 1, max: 7 },
  mostVoters: undefined,
  parameters,
  reserved: {
    ...RESERVED,
    innodb_autoinc_lock_mode: GROUP,
    auto_increment_increment: GROUP,
    auto_increment_offset: GROUP,
    wsrep_cluster_address: GROUP,
    wsrep_cluster_name: GROUP,
    wsrep_node_address: GROUP,
    wsrep_on: GROUP,
    wsrep_provider: GROUP,
    wsrep_provider_options: GROUP,
    wsrep_sst_method: GROUP,
    wsrep_sync_wait: 'a session may set it for itself',
  },
  isRefounded: true,
  hasArbiters: true,
  fixedPassword:
    'The first user of a cluster that Galera rules keeps the password that the cluster was made with; another user can be made.',
  acknowledgements: (voters) => Math.floor(voters / 2),
  comparePositions: compareInGroup,
};
