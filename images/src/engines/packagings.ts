// How each datastore is packaged. A new engine is one line here.
import type { Packaging } from './packaging.ts';
import { mariadbPackaging } from './mariadb.ts';
import { postgresqlPackaging } from './postgresql.ts';

export const packagings: Readonly<Record<string, Packaging>> = {
  mariadb: mariadbPackaging,
  postgresql: postgresqlPackaging,
};
