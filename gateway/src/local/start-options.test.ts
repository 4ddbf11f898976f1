import test from 'ava';
import { barrierTo, type DatabaseUser, findUser } from './database-user.ts';
import { StartError } from './errors.ts';
import { checkMachine } from './machine.ts';
import { readStartOptions, StartUsageError } from './start-options.ts';

const EPHEMERAL = 32_768;

test('without arguments: the state is kept, REST begins at 8779', (t) => {
  t.deepEqual(readStartOptions([], EPHEMERAL), {
    ...{ isFresh: false, portBase: 8779, wantsHelp: false },
    requestsPerSecond: undefined,
    openstack: undefined,
    isNetworked: false,
    translated: undefined,
  });
});

test('--fresh and --port-base are read', (t) => {
  t.like(readStartOptions(['--fresh', '--port-base', '9779'], EPHEMERAL), { isFresh: true, portBase: 9779 });
});

test('--netns asks for a network for each region', (t) => {
  t.like(readStartOptions(['--netns'], EPHEMERAL), { isNetworked: true });
});

test('--translate names regions of a networked federation', (t) => {
  t.like(readStartOptions(['--netns', '--translate', 'north,west'], EPHEMERAL), { translated: ['north', 'west'] });
  t.throws(() => readStartOptions(['--translate', 'north'], EPHEMERAL), { message: /needs --netns/ });
  t.throws(() => readStartOptions(['--netns', '--translate', 'east'], EPHEMERAL), { message: /no region "east"/ });
});

test('--openstack means all regions, or those that it names', (t) => {
  const regions = (...args: string[]) => readStartOptions(args, EPHEMERAL).openstack;

  t.deepEqual(regions('--openstack'), ['north', 'south', 'west']);
  t.deepEqual(regions('--openstack', '--fresh'), ['north', 'south', 'west']);
  t.deepEqual(regions('--fresh', '--openstack', 'west,north'), ['north', 'west']);
  t.deepEqual(regions('--openstack=south'), ['south']);
  t.throws(() => regions('--openstack', 'east'), { instanceOf: StartUsageError, message: /no region "east"/ });
  t.throws(() => regions('--openstack', 'north', 'south'), { instanceOf: StartUsageError });
});

for (const args of [
  ['--requests-per-second', '0'],
  ['--bogus'],
  ['north'],
  ['--port-base'],
  ['--port-base', 'x'],
  ['--port-base', '80'],
]) {
  test(`${args.join(' ')} is refused`, (t) => {
    t.throws(() => readStartOptions(args, EPHEMERAL), { instanceOf: StartUsageError });
  });
}

test('all three REST ports must lie below the ports that the kernel gives away', (t) => {
  t.notThrows(() => readStartOptions(['--port-base', '32765'], EPHEMERAL));
  t.throws(() => readStartOptions(['--port-base', '32766'], EPHEMERAL), { message: /from 1024 to 32765/ });
});

test('ports that HTTP clients refuse are refused at once', (t) => {
  t.throws(() => readStartOptions(['--port-base', '5998'], EPHEMERAL), { message: /port 6000/ });
});

const postgres: DatabaseUser = { name: 'postgres', uid: 101, gids: [104, 103] };

function modes(folders: Readonly<Record<string, number>>) {
  return (path: string) => ({ mode: folders[path] ?? 0o755, uid: 0, gid: 0 });
}

test('the first folder that the database user cannot enter is named', (t) => {
  t.is(barrierTo('/root/argosy/.argosy', postgres, modes({ '/root': 0o700, '/root/argosy': 0o700 })), '/root');
  t.is(barrierTo('/srv/argosy', postgres, modes({ '/srv/argosy': 0o711 })), undefined);
});

test('the owner and the groups are looked at before everyone else', (t) => {
  const owned = (uid: number, gid: number, mode: number) => (path: string) =>
    path === '/data' ? { mode, uid, gid } : { mode: 0o755, uid: 0, gid: 0 };

  t.is(barrierTo('/data', postgres, owned(101, 0, 0o700)), undefined);
  t.is(barrierTo('/data', postgres, owned(0, 103, 0o710)), undefined);
  t.is(barrierTo('/data', postgres, owned(101, 0, 0o077)), '/data');
});

test('databases run as postgres, else as nobody', (t) => {
  const nobody = 'nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin';

  t.deepEqual(
    findUser(`${nobody}\npostgres:x:101:104::/var/lib/postgresql:/bin/bash`, 'ssl-cert:x:103:postgres'),
    postgres,
  );
  t.is(findUser(nobody, '')?.uid, 65534);
});

test('too few file handles stop the start, little memory only warns', (t) => {
  const limits = (handles: number) =>
    `Limit                     Soft Limit\nMax open files            ${handles}   4096   files`;

  t.throws(() => checkMachine(limits(256), '', 0), { instanceOf: StartError, message: /ulimit -n 512/ });
  t.deepEqual(checkMachine(limits(1024), 'MemAvailable:    8388608 kB', 3), []);
  t.regex(checkMachine(limits(1024), 'MemAvailable:     524288 kB', 0)[0] ?? '', /Only 512 MiB/);
});
