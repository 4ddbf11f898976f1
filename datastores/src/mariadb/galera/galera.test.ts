import test from 'ava';
import { definitionFor, isRuledMode, topologyModes } from '../../definition.ts';
import { mariadb } from '../definition.ts';
import { arbiterArguments, copyTool, groupAddress, renderGroupConfig } from './config.ts';
import { asArbiter, othersWithData } from './group.ts';
import { drawGroupCertificate } from './group-certificate.ts';
import { groupLayoutOf } from './layout.ts';
import { compareInGroup, readGroupPosition, readRecovered, writeGroupPosition } from './position.ts';
import { isOfOneAlone } from './view-file.ts';

const HISTORY = '97c8ae2e-eb36-11f1-9aa3-827d77c55cf7';
const OTHER = 'a86a32ed-eb36-11f1-a1d7-b20f455db579';
/** The engine's names are shorter. */
const CLUSTER = '2ef81be3-d249-4f27-a5ac-eaa53d719ae6';
const at = (value: string) => ({ epoch: 1, value });

test('a position is a history and a number, and nothing else', (t) => {
  t.deepEqual(readGroupPosition(`${HISTORY}:12`), { history: HISTORY, sequence: 12n });
  t.is(writeGroupPosition({ history: HISTORY, sequence: 12n }), `${HISTORY}:12`);
  for (const text of ['', `${HISTORY}:-1`, HISTORY, '00000000-0000-0000-0000-000000000000:5', `${HISTORY}:1:2`]) {
    t.is(readGroupPosition(text), undefined, text);
  }
});

test('what a server recovered is read from its log, also when it was in no group yet', (t) => {
  const line = (position: string) => `2026-11-28 14:18:46 0 [Note] WSREP: Recovered position: ${position}\n`;
  t.deepEqual(readRecovered(`InnoDB: ready\n${line(`${HISTORY}:147`)}`), { history: HISTORY, sequence: 147n });
  t.is(readRecovered(line('00000000-0000-0000-0000-000000000000:-1')), undefined);
  t.is(readRecovered('nothing'), undefined);
});

test('positions of one history are ordered by their numbers, of two by nothing', (t) => {
  t.true(compareInGroup(at(`${HISTORY}:10`), at(`${HISTORY}:9`)) > 0);
  t.true(compareInGroup(at(`${HISTORY}:9`), at(`${HISTORY}:10`)) < 0);
  t.is(compareInGroup(at(`${HISTORY}:9007199254740993`), at(`${HISTORY}:9007199254740993`)), 0);
  t.true(compareInGroup(at(`${HISTORY}:9007199254740993`), at(`${HISTORY}:9007199254740992`)) > 0);
  t.throws(() => compareInGroup(at(`${HISTORY}:1`), at(`${OTHER}:1`)));
  t.throws(() => compareInGroup(at(''), at(`${HISTORY}:1`)));
});

test('a server dials at least itself: with nobody to dial it would begin a group of its own', (t) => {
  t.is(groupAddress(['192.0.2.10', '2001:db8::1']), 'gcomm://192.0.2.10:4567,[2001:db8::1]:4567');
  t.throws(() => groupAddress([]));
});

test('the file of settings: durable, encrypted, a segment a region, and nothing of a tenant in the place of ours', (t) => {
  const layout = groupLayoutOf('/volume', '/run/argosy');
  const render = (region: string) =>
    renderGroupConfig({
      ...{
        layout,
        region,
        address: '192.0.2.10',
        port: 3306,
        number: 1,
        engine: '/usr',
        clusterId: CLUSTER,
        memberId: `${CLUSTER}-1`,
      },
      ...{ agentUser: 'root', dataUser: 'mysql', sizes: { bufferPoolMib: 24, logFileMib: 8, maxConnections: 50 } },
      parameters: { sort_buffer_size: '4MB', innodb_autoinc_lock_mode: '1' },
    });
  const file = render('north');
  for (const line of [
    ...[
      'innodb-flush-log-at-trx-commit = 1',
      'innodb-autoinc-lock-mode = 2',
      'wsrep-cluster-name = 2ef81be3d2494f27a5aceaa53d719ae6',
    ],
    ...['require-secure-transport = ON', 'sort_buffer_size = 4194304', 'wsrep-sst-method = argosy'],
  ]) {
    t.true(file.includes(`\n${line}\n`), line);
  }
  t.true(file.lastIndexOf('innodb-autoinc-lock-mode = 2') > file.lastIndexOf('innodb_autoinc_lock_mode = 1'));
  t.true(file.includes('\nwsrep-node-name = member-1\n'));
  t.regex(file, /socket\.ssl=yes/);
  t.regex(file, /gmcast\.listen_addr=ssl:\/\/192\.0\.2\.10:4567/);
  t.notRegex(file, /init-connect|log-bin|read-only|rpl-semi/);
  const segment = (text: string) => /gmcast\.segment=(\d+);/.exec(text)?.[1];
  t.is(segment(file), segment(render('north')));
  t.not(segment(file), segment(render('south')));
});

test('the program that the server runs for a copy hands over nothing but the rest', (t) => {
  const tool = copyTool(groupLayoutOf('/volume', '/run/argosy'));
  t.regex(tool, /^#!\/bin\/sh\n/);
  t.regex(tool, /\[ -n "\$part" \] \|\| exit 93/);
});

test('an arbiter is told what the members are told of the group, and nothing of data; it dials those with data', (t) => {
  const layout = groupLayoutOf('/volume', '/run/argosy');
  const member = { clusterId: CLUSTER, memberId: `${CLUSTER}-3`, address: '192.0.2.30', region: 'west' };
  const told = arbiterArguments(member, layout, ['192.0.2.10', '192.0.2.20']);
  t.is(told[0], '--group=2ef81be3d2494f27a5aceaa53d719ae6');
  t.is(told[1], '--name=member-3');
  t.is(told[2], '--address=gcomm://192.0.2.10:4567,192.0.2.20:4567');
  t.regex(told[3] ?? '', /gmcast\.listen_addr=ssl:\/\/192\.0\.2\.30:4567;gmcast\.segment=\d+;/);
  t.regex(told[3] ?? '', /socket\.ssl_ca=\/volume\/tls\/group-certificate\.pem/);
  t.regex(told[3] ?? '', /socket\.ssl=yes/);
  t.notRegex(told[3] ?? '', /gcache|ist\./);
  t.throws(() => arbiterArguments(member, layout, []), undefined, 'alone it would begin a group');
});

test('who has no data is neither asked nor dialled by the others', (t) => {
  const [one, two, three] = ['a', 'b', 'c'].map((memberId) => {
    return { memberId, address: memberId, port: 3306, serverName: memberId };
  }) as [never, { memberId: string; address: string; port: number; serverName: string }, never];
  t.deepEqual(othersWithData([one, asArbiter(two), three], 'a'), [three]);
});

test('a majority of one alone is told by the note that the engine makes of it, and no other is', (t) => {
  const [own, other] = ['b0f44100-eb52-11f1-a751-82dcd35897d7', 'ad73040a-eb52-11f1-85a3-12417631562d'];
  const note = (...members: readonly string[]): string =>
    [
      ...[`my_uuid: ${own}`, '#vwbeg', `view_id: 3 ${other} 4`, 'bootstrap: 0'],
      ...members.map((member) => `member: ${member} 3`),
      '#vwend',
    ].join('\n');
  t.true(isOfOneAlone(note(own)));
  for (const text of ['', note(), note(other), note(own, other), note(other, own)]) t.false(isOfOneAlone(text), text);
});

test('the certificate of a group vouches for itself and names its cluster', async (t) => {
  const { X509Certificate, createPrivateKey } = await import('node:crypto');
  const { certificate, key } = await drawGroupCertificate('k1', new Date('2026-11-28T12:00:00Z'));
  const read = new X509Certificate(certificate);
  t.is(read.subject, 'CN=k1');
  t.true(read.verify(read.publicKey));
  t.true(read.checkPrivateKey(createPrivateKey(key)));
  t.true(Date.parse(read.validTo) > Date.parse('2120-01-01'));
});

test('MariaDB has two topologies, and what is true of one is not of the other', (t) => {
  t.deepEqual(topologyModes(mariadb), ['primary_and_replicas', 'galera']);
  t.true(isRuledMode(mariadb, 'galera'));
  t.false(isRuledMode(mariadb, 'primary_and_replicas'));
  const galera = definitionFor(mariadb, 'engine');
  t.is(definitionFor(mariadb, 'quorum'), mariadb);
  t.is(galera.mostVoters, undefined);
  t.deepEqual(galera.peerPorts, [4567, 4568]);
  t.is(galera.parameters.innodb_autoinc_lock_mode, undefined);
  t.truthy(mariadb.parameters.innodb_autoinc_lock_mode);
});
