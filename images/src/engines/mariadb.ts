// MariaDB as Debian packages it. Its programs lie in two folders of the tree, so their names begin above both.
import { join } from 'node:path';
import { installArguments } from '@argosy/datastores/drivers';
import type { Packaging } from './packaging.ts';

const ASKED = ['sbin/mariadbd'];

export const mariadbPackaging: Packaging = {
  // The client's package brings what its installation script reads settings with.
  packages: () => [
    ...['mariadb-server-core', 'mariadb-client-core', 'mariadb-common', 'mariadb-backup'],
    ...['galera-4', 'galera-arbitrator-4'],
  ],
  bin: (root) => join(root, 'usr'),
  programs: [
    ...ASKED,
    'bin/mariadb-backup',
    'bin/mbstream',
    'bin/mariadb-install-db',
    'bin/my_print_defaults',
    'bin/resolveip',
    // Of Galera's groups, the member without data.
    'bin/garbd',
  ],
  // By which the members of Galera's groups agree.
  loaded: ['lib/galera/libgalera_smm.so'],
  asked: ASKED,
  release: (printed) => /(\d+\.\d+\.\d+)-MariaDB/.exec(printed)?.[1],
  template: {
    program: (folder, bin) => ({ name: 'bin/mariadb-install-db', arguments: installArguments(folder, bin) }),
    // Without a log: a database that is unpacked gets a new one.
    exclude: ['./binlog.*'],
  },
};
