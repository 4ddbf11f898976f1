import test from 'ava';
import { readStreamName, renderAcl, renderConfig, streamName, tenantRules } from './config.ts';
import { redis } from './definition.ts';
import { layoutOf } from './layout.ts';
import { comparePositions, divergence, type Lineage, positionAt, unknownPosition } from './lineage.ts';

const first = { epoch: 1, incarnation: 0, id: 'a', from: 0 };
const second = { epoch: 2, incarnation: 0, id: 'b', from: 100 };
const user = { name: 'admin', hash: 'f'.repeat(64), generation: 1 };

test('the epoch of a position is that of its last byte, not of the primary that is followed', (t) => {
  const lineage: Lineage = [first, second];
  t.is(positionAt(lineage, 100).epoch, 1);
  t.is(positionAt(lineage, 101).epoch, 2);
  // Followed the primary of epoch 2 and has nothing of it: behind one who has more of epoch 1.
  t.true(comparePositions(positionAt(lineage, 80), positionAt([first], 90)) < 0);
});

test('what is not known is behind all that is known of its epoch, and before what is older', (t) => {
  const unknown = unknownPosition([first, second], 'primary');
  t.true(comparePositions(unknown, positionAt([first, second], 101)) < 0);
  t.true(comparePositions(unknown, positionAt([first], 90)) > 0);
  t.true(comparePositions(unknown, unknownPosition([first, second], 'replica')) > 0);
});

test('a primary that began anew within its epoch is ahead of who has data of its life before', (t) => {
  const anew = { epoch: 1, incarnation: 1, id: 'c', from: 0 };
  t.true(comparePositions(positionAt([anew], 5), positionAt([first], 900)) > 0);
});

test('data go on with those of another up to where the other left them, and no further', (t) => {
  t.is(divergence([first], 100, [first, second]), undefined);
  t.deepEqual(divergence([first], 101, [first, second]), { leftAt: 100 });
  t.is(divergence([first, second], 150, [first, second]), undefined);
  // Two primaries began where epoch 1 ended; only one of them led on.
  const other = { epoch: 3, incarnation: 0, id: 'd', from: 120 };
  t.deepEqual(divergence([first, second], 150, [first, other]), { leftAt: 100 });
  t.is(divergence([first, second], 100, [first, other]), undefined, 'it has nothing of what was left out');
  t.deepEqual(divergence([first], 7, [second]), { leftAt: 0 });
  t.is(divergence([], 0, [first]), undefined);
});

test('on disk a server is a replica of nobody with its door shut', (t) => {
  const config = renderConfig({
    ...{ address: '127.1.0.2', port: 6379, layout: layoutOf('/volume', '/run/m1'), memoryMib: 512 },
    ...{ streamName: 'c1-1', secret: 'a"b', parameters: { timeout: '5' } },
  });
  t.regex(config, /^replicaof 127\.0\.0\.1 1$/m);
  t.regex(config, /^port 0$/m);
  t.regex(config, /^masterauth "a\\"b"$/m);
  const acl = renderAcl([user], { agent: '1', replication: '2' });
  t.regex(acl, /^user default off/m);
  t.regex(acl, /^user admin off /m);
  t.true(tenantRules(user, 'open').includes('-@admin'));
});

test('a user beside the first has what is granted, each in keys of its own', (t) => {
  const grants = [
    { database: 'orders:*', privilege: 'read' },
    { database: '*', privilege: 'write' },
  ];
  const [, , , ...rules] = tenantRules({ ...user, name: 'app', grants }, 'open');
  t.false(rules.some((rule) => rule.startsWith('~') || rule.startsWith('+@all')));
  t.regex(rules.at(-2) ?? '', /^\(\+@read -@admin -@dangerous -scan .* %R~orders:\*\)$/);
  t.is(rules.at(-1), '(+@read +@write -@admin -@dangerous +keys ~*)');
});

test('names of users, and patterns of keys, are told from what would break a rule', (t) => {
  const problemOf = redis.accounts?.nameProblem ?? (() => 'there are none');
  for (const name of ['app', 'a-1']) t.is(problemOf('user', name), undefined, name);
  for (const name of ['admin', 'default', 'argosy_x', 'A', '']) t.not(problemOf('user', name), undefined, name);
  for (const pattern of ['*', 'orders:*', 'a[0-9]?']) t.is(problemOf('database', pattern), undefined, pattern);
  for (const pattern of ['a b', 'a)', '', '~a"']) t.not(problemOf('database', pattern), undefined, pattern);
});

test('a replica calls itself by its rule, and a copy that is being made by none', (t) => {
  const stream = { memberId: 'c1-2', epoch: 4, generation: 7 };
  t.deepEqual(readStreamName(streamName(stream)), stream);
  t.is(readStreamName('argosy copy'), undefined);
});

test('an endpoint is completed with who connects, and is of no other engine', (t) => {
  const options = { user: 'admin', password: 'a/b', database: '0', rootCertificateFile: undefined };
  const { readWrite } = redis.endpoints([{ address: '127.1.0.2', port: 6379 }]);
  t.is(redis.completeUri(readWrite, options), 'rediss://admin:a%2Fb@127.1.0.2:6379/0?role=primary');
  t.is(redis.completeUri('postgresql://127.1.0.2:5432/', options), undefined);
});
