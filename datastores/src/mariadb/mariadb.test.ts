import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { accounts } from './account-names.ts';
import { readStreamName, streamName } from './accounts.ts';
import { Connection } from './connection.ts';
import { mariadb } from './definition.ts';
import { completeUri } from './endpoints.ts';
import { divergence, memberNumber, readPosition, readState, stateAt, writeState } from './gtid.ts';
import { layoutOf } from './layout.ts';
import { serverValues } from './parameters.ts';
import { requireWaitable } from './rule.ts';

const HOUR_MS = 3_600_000;

test('the epoch of a record is compared first, then its number', (t) => {
  const order = ['0-1-9', '0-2-3', '0-2-20', '0-10-4'].map(readPosition);
  t.deepEqual([...order].reverse().sort(mariadb.comparePositions), order);
  t.is(mariadb.comparePositions({ epoch: 1, value: '7' }, { epoch: 1, value: '007' }), 0);
  t.deepEqual(readPosition(''), { epoch: 0, value: '0' });
});

test('a record that no primary wrote is refused', (t) => {
  t.throws(() => readState(`0-${memberNumber('c-2')}-17`), { message: /no primary of this cluster wrote/ });
  t.throws(() => readState('1-1-17'), { message: /no primary of this cluster wrote/ });
  t.is(writeState(readState('0-1-40, 0-2-55')), '0-1-40,0-2-55');
});

test('two logs part where the older of their ends in the last common epoch is', (t) => {
  const other = readState('0-1-40,0-2-60');
  t.is(divergence({ epoch: 1, value: '40' }, readState('0-1-40'), other), undefined);
  t.deepEqual(divergence({ epoch: 1, value: '43' }, readState('0-1-43'), other), {
    leftAt: { epoch: 1, value: '40' },
    transactions: 3,
  });
  t.deepEqual(divergence({ epoch: 3, value: '62' }, readState('0-1-40,0-3-62'), other), {
    leftAt: { epoch: 1, value: '40' },
    transactions: 22,
  });
  t.is(writeState(stateAt(other, { epoch: 2, value: '50' })), '0-1-40,0-2-50');
});

test('a rule that the server cannot wait for is refused with the reason', (t) => {
  const role = (voters: number, acknowledgements: number) => ({
    ...{ kind: 'primary' as const, epoch: 1, peers: [], admin: null },
    rule: { voters: Array.from({ length: voters }, (_, index) => `c-${index}`), acknowledgements, generation: 1 },
  });
  t.is(requireWaitable(role(3, mariadb.acknowledgements(3))), 1);
  t.is(requireWaitable(role(1, mariadb.acknowledgements(1))), 0);
  t.throws(() => requireWaitable(role(5, 2)), { message: /waits for one replica and has no count/ });
});

test('who streams is named by epoch and rule, and no user of a tenant can be called so', (t) => {
  const name = { memberId: 'c-12', epoch: 3, generation: 2 };
  t.deepEqual(readStreamName(streamName(name)), name);
  for (const user of [streamName(name), 'argosy_member', 'root', 'mariadb.sys', 'admin']) {
    t.is(typeof accounts.nameProblem('user', user), 'string', user);
  }
  t.is(accounts.nameProblem('user', 'app-1'), undefined);
});

test('a size is told to the server in bytes, and all else as it stands', (t) => {
  t.deepEqual(serverValues({ sort_buffer_size: '16MB', wait_timeout: '90', innodb_strict_mode: 'off' }), {
    ...{ sort_buffer_size: '16777216', wait_timeout: '90', innodb_strict_mode: 'off' },
  });
});

test('a complete URI has user, password, database and trust', (t) => {
  const { readWrite } = mariadb.endpoints([{ address: '192.0.2.1', port: 3306 }]);
  t.is(
    completeUri(readWrite, { user: 'a', password: 'p/', database: undefined, rootCertificateFile: '/c a.pem' }),
    'mariadb://a:p%2F@192.0.2.1:3306/admin?ssl-mode=VERIFY_IDENTITY&ssl-ca=/c%20a.pem',
  );
  t.is(
    completeUri('redis://192.0.2.1', { user: 'a', password: 'p', database: 'd', rootCertificateFile: '' }),
    undefined,
  );
});

test('whoever waits for an answer is told when the connection is closed, and the next one is not held up', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'am-'));
  const layout = layoutOf(folder, folder);
  const silent = createServer().listen(join(folder, 'silent.sock'));
  t.teardown(async () => {
    silent.close();
    await rm(folder, { recursive: true });
  });
  const clock = {
    now: () => new Date(),
    monotonicMs: () => performance.now(),
    after: (delayMs: number, call: () => void) => {
      const timer = setTimeout(call, delayMs);
      return { cancel: () => clearTimeout(timer) };
    },
  };
  const connection = new Connection({ layout: { ...layout, socket: join(folder, 'silent.sock') }, user: 'a', clock });
  for (let round = 0; round < 2; round++) {
    const answer = connection.query('select 1', [], HOUR_MS);
    await new Promise((resolve) => setImmediate(resolve));
    connection.close();
    await t.throwsAsync(answer, { message: /does not answer/ });
  }
});
