// What a stack must become, by what it was made of: where a change would cost a member its data, it is refused.
import { status } from '@grpc/grpc-js';
import test from 'ava';
import type { Stack } from '../openstack/heat.ts';
import { FEDERATION, REGION, spec } from '../testing/region.ts';
import type { CommandError } from './command-error.ts';
import { executorConfig } from './config.ts';
import { type ComputeKind, kindTag } from './member-ways.ts';
import { stackChange } from './stack-change.ts';

const files = {
  ...{ certificateFile: 'c', keyFile: 'k', rootFile: 'r' },
  ...{ intermediateCertificateFile: 'i', intermediateKeyFile: 'ik', regionKeyFile: 'rk' },
};
const config = executorConfig.parse({
  ...files,
  ...{ federation: FEDERATION, region: REGION, provider: 'p', jurisdiction: 'EU' },
  ...{ grpc: { address: '127.0.0.1', port: 0 }, admin: { address: '127.0.0.1', port: 0 } },
  openstack: { authUrl: 'http://127.0.0.1:5000', region: REGION, username: 'u', password: 'p', projectName: 'service' },
  ...{ image: 'member', network: 'members', zones: [{ name: 'north-a', capacity: 1 }] },
  flavors: [
    { name: 'small', openstackFlavor: 'm1.small', vcpus: 1, memoryMib: 512 },
    { name: 'large', openstackFlavor: 'm1.large', vcpus: 2, memoryMib: 1024 },
  ],
});

function stack(kind: ComputeKind | undefined, stackStatus = 'CREATE_COMPLETE'): Stack {
  return {
    ...{ id: '1', name: 'argosy-test-c1-1', status: stackStatus, reason: '' },
    tags: ['argosy-test', 'c1', ...(kind === undefined ? [] : [kindTag(kind)])],
    parameters: { flavor: 'm1.small', volume_size: '2' },
    outputs: { volume_gib: kind === 'baremetal' ? null : 2 },
  };
}

function change(of: Stack, wished: Parameters<typeof spec>[1]): unknown {
  try {
    return stackChange(of, spec('c1-1', { volumeGib: 2, ...wished }), config);
  } catch (error) {
    return `${status[(error as CommandError).code]}`;
  }
}

test('a server is given another flavor and a larger volume, and is looked at again when something failed', (t) => {
  for (const kind of ['server', undefined] as const) {
    t.is(change(stack(kind), {}), undefined);
    t.deepEqual(change(stack(kind), { flavor: 'large', volumeGib: 3 }), { flavor: 'm1.large', volume_size: 3 });
    t.deepEqual(change(stack(kind, 'CHECK_FAILED'), {}), { flavor: 'm1.small', volume_size: 2 });
    t.is(change(stack(kind), { volumeGib: 1 }), 'INVALID_ARGUMENT');
  }
});

test('a container is given processors and memory; its volume stays as it is', (t) => {
  const large = { flavor: 'm1.large', vcpus: 2, memory_mib: 1024, volume_size: 2 };

  t.deepEqual(change(stack('container'), { flavor: 'large' }), large);
  t.is(change(stack('container'), { volumeGib: 3 }), 'INVALID_ARGUMENT');
});

test('of a bare metal member nothing is changed, and it is never made anew under its name: its data is on its node', (t) => {
  t.is(change(stack('baremetal'), {}), undefined);
  t.is(change(stack('baremetal'), { flavor: 'large' }), 'INVALID_ARGUMENT');
  t.is(change(stack('baremetal'), { volumeGib: 3 }), 'INVALID_ARGUMENT');
  for (const state of ['CHECK_FAILED', 'UPDATE_FAILED', 'UPDATE_IN_PROGRESS']) {
    t.is(change(stack('baremetal', state), {}), 'FAILED_PRECONDITION', state);
  }
});
