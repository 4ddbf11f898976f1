// PostgreSQL as Debian packages it.
import { join } from 'node:path';
import { initdbArguments } from '@argosy/datastores/drivers';
import type { Packaging } from './packaging.ts';

const PROGRAMS = ['postgres', 'initdb', 'pg_basebackup', 'pg_rewind', 'pg_resetwal', 'pg_controldata'];

export const postgresqlPackaging: Packaging = {
  packages: (version) => [`postgresql-${version}`, `postgresql-client-${version}`],
  bin: (root, version) => join(root, 'usr/lib/postgresql', version, 'bin'),
  programs: PROGRAMS,
  asked: PROGRAMS,
  release: (printed) => /\(PostgreSQL\) (\d+\.\d+)/.exec(printed)?.[1],
  template: {
    program: (folder) => ({ name: 'initdb', arguments: initdbArguments(folder) }),
    // Without its log: a database that is unpacked gets a new one.
    exclude: ['./pg_wal/0*'],
  },
};
