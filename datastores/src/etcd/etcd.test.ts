import test from 'ava';
import { compare } from 'bcryptjs';
import { membersOf } from './client.ts';
import { etcd } from './definition.ts';

test('what is kept of a password is a hash of bcrypt, as long as every other', async (t) => {
  const verifier = etcd.passwordVerifier('correct-horse', Buffer.alloc(16, 7));
  t.regex(verifier, /^\$2a\$10\$.{53}$/);
  t.true(await compare('correct-horse', verifier));
  t.false(await compare('wrong', verifier));
  t.is(etcd.passwordVerifier('correct-horse', Buffer.alloc(16, 7)), verifier);
  t.not(etcd.passwordVerifier('correct-horse', Buffer.alloc(16, 8)), verifier);
});

test('every member is named in the endpoint, which etcdctl takes as it is, and nothing else is completed', (t) => {
  const { readWrite, readOnly } = etcd.endpoints([
    { address: '192.0.2.1', port: 2379 },
    { address: '2001:db8::1', port: 2379 },
  ]);
  t.is(readWrite, 'https://192.0.2.1:2379,https://[2001:db8::1]:2379');
  t.is(readOnly, readWrite);
  const options = { user: 'admin', password: 'a/b', database: undefined, rootCertificateFile: undefined };
  t.is(
    etcd.completeUri(readWrite, options),
    'https://admin:a%2Fb@192.0.2.1:2379,https://admin:a%2Fb@[2001:db8::1]:2379',
  );
  t.is(etcd.completeUri('rediss://192.0.2.1:6379/0', options), undefined);
});

test('a position is ordered by term first, then by number and not by text', (t) => {
  const at = (epoch: number, value: string) => ({ epoch, value });
  t.true(etcd.comparePositions(at(2, '9'), at(2, '10')) < 0);
  t.true(etcd.comparePositions(at(3, '1'), at(2, '10')) > 0);
  t.is(etcd.comparePositions(at(2, '7'), at(2, '7')), 0);
});

test('a member that never started has no name yet, and etcd leaves out what is false', (t) => {
  t.deepEqual(
    membersOf({ members: [{ ID: '7', peerURLs: ['https://192.0.2.1:2380'], isLearner: true }, { ID: '8' }] }),
    [
      { id: '7', name: '', peerUrls: ['https://192.0.2.1:2380'], isLearner: true },
      { id: '8', name: '', peerUrls: [], isLearner: false },
    ],
  );
});
