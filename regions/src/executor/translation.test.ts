import test from 'ava';
import { readMemberStack } from './member-stack.ts';
import { advertisedAddress } from './translation.ts';

const translations = [{ local: '10.0.4.0/25', advertised: '192.0.2.128/25' }];

test('an address within the local network becomes its like in the advertised one; others stay', (t) => {
  t.is(advertisedAddress('10.0.4.10', translations), '192.0.2.138');
  t.is(advertisedAddress('10.0.4.127', translations), '192.0.2.255');
  t.is(advertisedAddress('10.0.4.128', translations), '10.0.4.128');
  t.is(advertisedAddress('10.0.4.10', []), '10.0.4.10');
});

test('a member is dialled at its advertised address, and binds its own', (t) => {
  const parameters = {
    member_id: 'c1-1',
    cluster_id: 'c1',
    availability_zone: 'a',
    datastore_port: '5432',
    kind: 'voter',
  };
  const outputs = { address: '10.0.4.10', local_address: '10.0.4.10' };
  const stack = { id: 's', name: 'n', status: 'CREATE_COMPLETE', reason: '', tags: [], parameters, outputs };

  const member = readMemberStack(stack, { federation: 'f', region: 'north', translations });

  t.like(member?.location, { address: '192.0.2.138', localAddress: '10.0.4.10', peer: { address: '192.0.2.138' } });
});
