import { createServer } from 'node:net';
import test from 'ava';
import { StartError } from './errors.ts';
import { conflictText, findConflicts, parseListeners } from './listeners.ts';
import { checkPorts, isListeningAt } from './port-check.ts';

const HEAD = '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode';
const V4 = `${HEAD}
   0: 00000000:1538 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1683 1 0000 100 0 0 10 0
   1: 0400017F:225B 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4711 1 0000 100 0 0 10 0
   2: 0100007F:9C40 0100007F:1538 01 00000000:00000000 00:00000000 00000000     0        0 9999 1 0000 20 4 30 10 -1
`;
const V6 = `${HEAD}
   0: 00000000000000000000000000000000:2257 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 555 1 0000 100 0 0 10 0
   1: 0000000000000000FFFF00000200017F:2256 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 556 1 0000 100 0 0 10 0
`;

test('listening sockets are read, connections are not', (t) => {
  t.deepEqual(
    parseListeners(V4).map(({ address, port, isWildcard, inode }) => [address, port, isWildcard, inode]),
    [
      ['0.0.0.0', 5432, true, '1683'],
      ['127.1.0.4', 8795, false, '4711'],
    ],
  );
});

test('IPv6 wildcards and IPv4 addresses within IPv6 are read', (t) => {
  t.deepEqual(
    parseListeners(V6).map(({ address, port, isWildcard, isV6 }) => [address, port, isWildcard, isV6]),
    [
      ['::', 8791, true, true],
      ['127.1.0.2', 8790, false, true],
    ],
  );
});

test('a wildcard is in the way on every address, named once; another address is not', (t) => {
  const conflicts = findConflicts(parseListeners(V4), [
    { address: '127.1.0.10', port: 5432 },
    { address: '127.1.0.11', port: 5432 },
    { address: '127.9.0.4', port: 8795 },
  ]);

  t.deepEqual(
    conflicts.map(({ wanted, listener }) => [wanted.address, listener.port]),
    [['127.1.0.10', 5432]],
  );
});

test('the sentence names the port, where, and by whom', (t) => {
  const [conflict] = findConflicts(parseListeners(V4), [{ address: '127.1.0.10', port: 5432 }]);
  if (conflict === undefined) throw new Error('There is a conflict.');

  t.is(
    conflictText(conflict, { pid: 123, command: 'postgres' }),
    'Port 5432 is taken on every address by pid 123 (postgres); stop it, or let it listen on its own address only.',
  );
  t.regex(conflictText(conflict, undefined), /by a process that this user may not see/);
});

test('a real listener is found, with its pid', async (t) => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  t.teardown(() => server.close());

  const error = await t.throwsAsync(checkPorts([{ address: '127.0.0.1', port }]), { instanceOf: StartError });

  t.true(error.message.includes(`Port ${port} is taken on 127.0.0.1 by pid ${process.pid} (`));
  t.regex(error.message, /--port-base/);
  t.true(isListeningAt(process.pid, { address: '127.0.0.1', port }));
  t.false(isListeningAt(process.ppid, { address: '127.0.0.1', port }));
});
