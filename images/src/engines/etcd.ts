// etcd as Debian packages it.
import { join } from 'node:path';
import type { Packaging } from './packaging.ts';

export const etcdPackaging: Packaging = {
  packages: () => ['etcd-server', 'etcd-client'],
  bin: (root) => join(root, 'usr/bin'),
  programs: ['etcd', 'etcdctl'],
  asked: ['etcd'],
  release: (printed) => /^etcd Version: (\d+\.\d+\.\d+)/m.exec(printed)?.[1],
  template: null,
};
