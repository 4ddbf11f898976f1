import test from 'ava';
import { connectionUri } from './connection-uri.ts';
import { newClusterBody } from './new-cluster.ts';
import { operationAnswer } from './resources.ts';
import { renderSteps, stepChanges } from './steps.ts';
import { renderFields, renderTable } from './tables.ts';
import { openTerminal } from './terminal.ts';
import { agoText, durationText } from './times.ts';

const credentials = { username: 'admin', password: 'p@ss/w:rd', database: 'admin' };

test('a URI gets user, password, database and the authority; its hosts and options stay', (t) => {
  const endpoint = 'postgresql://127.1.0.10:5432,127.2.0.10:5432/?target_session_attrs=read-write';

  t.is(
    connectionUri(endpoint, credentials, '/srv/me/my ca/ca.pem'),
    'postgresql://admin:p%40ss%2Fw%3Ard@127.1.0.10:5432,127.2.0.10:5432/admin?target_session_attrs=read-write&sslmode=verify-full&sslrootcert=/srv/me/my%20ca/ca.pem',
  );
});

test("the endpoint's own database and trust are kept, and IPv6 hosts too", (t) => {
  const { username, password } = credentials;

  t.is(
    connectionUri('postgresql://[::1]:5432/orders?sslmode=require', { username, password }, undefined),
    'postgresql://admin:p%40ss%2Fw%3Ard@[::1]:5432/orders?sslmode=require',
  );
  t.throws(() => connectionUri('nonsense', credentials, undefined), { message: /is not a URI/ });
});

function operation(steps: readonly object[]) {
  const target = { type: 'cluster', id: 'c1', name: 'demo' };
  return operationAnswer.parse({ operation: { id: 'o', kind: 'cluster.create', target, status: 'RUNNING', steps } })
    .operation;
}

const pending = { id: 'a', kind: 'ensure_member', member: 'c1-1', region: 'north', status: 'PENDING', attempts: 0 };
const running = { ...pending, status: 'RUNNING', attempts: 1, started_at: '2026-01-01T00:00:00.000Z' };
const done = { ...running, status: 'DONE', finished_at: '2026-01-01T00:00:01.200Z' };
const now = new Date('2026-01-01T00:00:03Z');

test('a change of a step is one line, told once, with the name that people know the member by', (t) => {
  t.deepEqual(stepChanges(undefined, operation([pending])), []);
  t.deepEqual(stepChanges(operation([pending]), operation([running])), ['ensure_member demo-1 north … running']);
  t.deepEqual(stepChanges(operation([running]), operation([running])), []);
  t.deepEqual(stepChanges(operation([running]), operation([done])), ['ensure_member demo-1 north … done 1.2 s']);
});

test('a failed attempt says why, and that it is tried again', (t) => {
  const failed = { ...pending, attempts: 2, error: 'no host was found' };

  t.deepEqual(stepChanges(operation([running]), operation([failed])), [
    'ensure_member demo-1 north … will be tried again (attempt 2): no host was found',
  ]);
  t.deepEqual(stepChanges(undefined, operation([{ ...failed, status: 'FAILED' }])), [
    'ensure_member demo-1 north … failed (attempt 2): no host was found',
  ]);
});

test('on a terminal every step has a line, aligned, with the time it takes', (t) => {
  const other = { ...running, id: 'b', kind: 'seed', member: 'c1-2', region: 'south' };

  t.deepEqual(renderSteps(operation([done, other, { ...pending, id: 'c', kind: 'open' }]), now), [
    '  ✓ ensure_member demo-1 north  done 1.2 s',
    '  ▸ seed demo-2 south           running 3.0 s',
    '  · open demo-1 north',
  ]);
});

test('a redrawn block replaces the one before, stays above the next line, and fits the screen', (t) => {
  let written = '';
  const stream = { isTTY: true, columns: 10, rows: 3, write: (text: string) => (written += text) };
  const terminal = openTerminal(stream, stream);

  terminal.redraw(['one', 'two', 'a line that is too long']);
  t.is(written, 'two\na line t…\n');
  written = '';
  terminal.out('said');
  t.is(written, '\x1b[2A\r\x1b[Jsaid\ntwo\na line t…\n');
});

test('off a terminal nothing is redrawn', (t) => {
  let written = '';
  const stream = { write: (text: string) => (written += text) };

  openTerminal(stream, stream).redraw(['one']);

  t.is(written, '');
});

test('only what the user gave is sent', (t) => {
  t.deepEqual(newClusterBody('orders', { datastore: 'postgresql' }), {
    cluster: { name: 'orders', datastore: { type: 'postgresql' } },
  });
  t.deepEqual(
    newClusterBody('orders', {
      datastore: 'postgresql',
      version: '15',
      voters: 3,
      residency: ['EU'],
      volume: 2,
      rpo: 5,
    }),
    {
      cluster: {
        name: 'orders',
        datastore: { type: 'postgresql', version: '15' },
        topology: { voters: 3 },
        placement: { residency: ['EU'] },
        volume: { size: 2 },
        durability: { rpo_seconds: 5 },
      },
    },
  );
});

test('durations and ages are told in the unit that says enough', (t) => {
  t.deepEqual([42, 1_234, 125_000, 10_920_000].map(durationText), ['42 ms', '1.2 s', '2 min 5 s', '3 h 2 min']);
  t.is(agoText('2025-12-31T23:58:00Z', now), '2 min ago');
  t.is(agoText(null, now), '-');
});

test('a table has a rule around it and below its head, none between its rows', (t) => {
  const lines = renderTable(
    ['name', 'n'],
    [
      ['a', 1],
      ['b', undefined],
    ],
  ).split('\n');

  t.deepEqual(lines, ['+------+---+', '| name | n |', '+------+---+', '| a    | 1 |', '| b    | - |', '+------+---+']);
  t.is(
    renderFields([
      ['name', 'x'],
      ['nothing', null],
    ]),
    'name  x',
  );
});
