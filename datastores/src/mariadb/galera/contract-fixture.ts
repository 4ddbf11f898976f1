// Galera as the contract tries it: its tenants are MariaDB's.
import { readFile } from 'node:fs/promises';
import type { RuledFixture } from '../../contract/fixture.ts';
import { fillWith, mariadbFixture } from '../contract-fixture.ts';
import { groupLayoutOf } from './layout.ts';

/** Less than the members remember for one that is away: 64 MiB. */
const FILLING_ROWS = 160;

const { datastore, version, port, connect, connectInTheOpen, damage } = mariadbFixture;

export const galeraFixture: RuledFixture = {
  ...{ datastore, version, port, connect, connectInTheOpen, damage },
  parameters: { good: { innodb_ft_min_token_size: '4' }, bad: { transaction_isolation: 'as you like it' } },
  isRefounded: true,
  fill: (place) => fillWith(place, FILLING_ROWS),
  peerCertificate: async (volume) => {
    const { groupCertificateFile, groupKeyFile } = groupLayoutOf(volume, '');
    return { certificate: await readFile(groupCertificateFile, 'utf8'), key: await readFile(groupKeyFile, 'utf8') };
  },
};
