import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { Collection } from '../collection.ts';
import { type Quota, Quotas } from './quotas.ts';

const USED = {
  instances: 2,
  cores: 2,
  ram: 1024,
  server_groups: 0,
  volumes: 2,
  gigabytes: 4,
  port: 2,
  security_group: 2,
};

test('a project may have all that it likes until a quota is set, then as much and no more', (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'argosy-quotas-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  const open = (): Quotas => new Quotas(new Collection<Quota>(directory), () => USED);
  const quotas = open();
  t.notThrows(() => quotas.demand('p', 'compute', { instances: 1_000 }));

  quotas.set('p', { instances: 3 });
  quotas.set('p', { gigabytes: 5 });

  t.notThrows(() => quotas.demand('p', 'compute', { instances: 1, cores: 1, ram: 512 }));
  t.like(
    t.throws(() => quotas.demand('p', 'compute', { instances: 2 })),
    { status: 403, message: 'Quota exceeded for instances: already used 2 of 3 instances' },
  );
  t.like(
    t.throws(() => quotas.demand('p', 'volume', { gigabytes: 2 })),
    { status: 413 },
  );
  t.notThrows(() => quotas.demand('q', 'compute', { instances: 2 }));
  // Set once, they last.
  t.deepEqual(open().of('p', 'volume'), { volumes: -1, gigabytes: 5 });
});
