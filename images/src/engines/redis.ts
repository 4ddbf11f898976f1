// Redis as Debian packages it.
import { join } from 'node:path';
import type { Packaging } from './packaging.ts';

export const redisPackaging: Packaging = {
  packages: () => ['redis-server', 'redis-tools'],
  bin: (root) => join(root, 'usr/bin'),
  programs: ['redis-server'],
  asked: ['redis-server'],
  release: (printed) => /^Redis server v=(\d+\.\d+\.\d+)/m.exec(printed)?.[1],
  template: null,
};
