import test from 'ava';
import { datastores } from '../registry.ts';
import {
  AT_REST,
  conninfo,
  readStreamName,
  renderConfig,
  renderHba,
  renderIdent,
  slotName,
  streamName,
  synchronousStandbyNames,
} from './config.ts';
import { readControlFile, withSystemIdentifier } from './control-file.ts';
import { readManifestEnd } from './copy.ts';
import { postgresql } from './definition.ts';
import { Isolation } from './isolation.ts';
import { layoutOf } from './layout.ts';
import { divergence, readHistory, readLsn, timelineOf, timelinesAt, writeLsn } from './positions.ts';
import { isScramVerifier, scramVerifier } from './scram.ts';
import { sizesFor } from './sizes.ts';
import { type FlushedStream, readStreams, votersBehind, votersStreaming } from './streams.ts';

const layout = layoutOf('/volume', '/run/m1');
const members = [
  { address: '127.1.0.2', port: 5432 },
  { address: 'fd00::7', port: 5433 },
];

test('a datastore is found by its name, and a slip of the pen is met with the nearest one', (t) => {
  t.is(datastores.find('postgresql'), postgresql);
  t.is(datastores.find('postgres'), undefined);
  t.is(datastores.nearest('postgres'), 'postgresql');
  t.is(datastores.nearest('Postgressql'), 'postgresql');
  t.is(datastores.nearest('clickhouse'), undefined);
  t.is(datastores.nearest(''), undefined);
});

test('a commit has a majority when it is acknowledged', (t) => {
  t.deepEqual([1, 2, 3, 4, 5].map(postgresql.acknowledgements), [0, 1, 1, 2, 2]);
});

test('endpoints name every member, and what is wanted of the one that answers', (t) => {
  t.deepEqual(postgresql.endpoints(members), {
    readWrite: 'postgresql://127.1.0.2:5432,[fd00::7]:5433/?target_session_attrs=read-write',
    readOnly: 'postgresql://127.1.0.2:5432,[fd00::7]:5433/?target_session_attrs=prefer-standby',
  });
  const options = { user: 'admin', password: 'a b/@', database: 'admin', rootCertificateFile: '/tmp/my ca.pem' };
  t.is(
    postgresql.completeUri(postgresql.endpoints(members).readWrite, options),
    'postgresql://admin:a%20b%2F%40@127.1.0.2:5432,[fd00::7]:5433/admin?target_session_attrs=read-write&sslmode=verify-full&sslrootcert=/tmp/my%20ca.pem',
  );
});

test('RFC 7677: the verifier of its example', (t) => {
  const salt = Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64');
  const verifier = scramVerifier('pencil', salt, 4096);
  t.is(
    verifier,
    'SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=',
  );
  t.is(postgresql.passwordVerifier('pencil', salt), verifier);
  t.true(isScramVerifier(verifier));
  t.false(isScramVerifier('pencil'));
});

test('a position is compared by its epoch first, then by the log sequence number', (t) => {
  const position = (epoch: number, value: string) => ({ epoch, value });
  t.true(postgresql.comparePositions(position(2, '0/1'), position(1, 'F/FF')) > 0);
  t.true(postgresql.comparePositions(position(1, '1/0'), position(1, '0/FFFFFFFF')) > 0);
  t.true(postgresql.comparePositions(position(1, '0/9'), position(1, '0/10')) < 0);
  t.is(postgresql.comparePositions(position(1, '0/a'), position(1, '0/A')), 0);
  t.is(writeLsn(readLsn('16/B374D848')), '16/B374D848');
  t.throws(() => readLsn('16-1'), { message: /not a log sequence number/ });
});

test('the epoch of a position is that of the record, not of the primary that is followed', (t) => {
  const histories = new Map([[4, '1\t0/502AC98\tno recovery target specified\n']]);
  const both = ['000000010000000000000005', '000000040000000000000005', '00000004.history', 'archive_status'];
  t.is(timelineOf(both, histories, readLsn('0/502AC98')), 1);
  t.is(timelineOf(both, histories, readLsn('0/502AC99')), 4);

  // A member that cannot follow timeline 4 has its history, and no segment of it.
  const diverged = ['000000010000000000000005', '00000004.history'];
  t.is(timelineOf(diverged, histories, readLsn('0/5100000')), 1);
  t.deepEqual(timelinesAt(['0000000100000001000000FF', '000000010000000200000000'], readLsn('2/0')), [1]);
  t.deepEqual(readHistory(''), []);
});

test('a timeline that begins before its parent did has the records from there on, and leaves out the parent', (t) => {
  // Promoted in epoch 6 by a member that had the history of epoch 5 and nothing of its log.
  const history = '1\t0/5000800\tno\n\n5\t0/5000400\tno\n';
  const files = ['000000010000000000000005', '000000060000000000000005'];
  const epochAt = (lsn: string) => timelineOf(files, new Map([[6, history]]), readLsn(lsn));
  t.deepEqual(['0/5000400', '0/5000401', '0/5000800', '0/5000801'].map(epochAt), [1, 6, 6, 6]);
  t.is(divergence({ epoch: 1, value: '0/5000400' }, history), undefined);
  t.regex(divergence({ epoch: 1, value: '0/5000500' }, history)?.reason ?? '', /was left at 0\/5000400/);
});

test('positions of promises are in one order, whatever member they come from', (t) => {
  const position = (epoch: number, value: string) => ({ epoch, value });
  const ordered = [
    position(0, '0/0'),
    position(1, '0/0'),
    position(1, '0/9FFFFFF'),
    position(1, '0/A000000'),
    position(1, '9/0'),
    position(1, '10/0'),
    position(2, '0/1'),
    position(10, '0/1'),
  ];
  const shuffled = [5, 2, 7, 0, 3, 6, 1, 4].map((index) => ordered[index] ?? position(0, ''));
  t.deepEqual(shuffled.sort(postgresql.comparePositions), ordered);
});

test('a primary counts as connected by any rule of its epoch, and its barrier by the newest only', (t) => {
  const row = {
    application_name: 'c1-2.4.6',
    state: 'streaming',
    sync_state: 'async',
    flush_lsn: '0/200',
    own_lsn: '0/200',
  };
  const rule = { voters: ['c1-1', 'c1-2'], acknowledgements: 1, generation: 7 };
  const count = { rule, memberId: 'c1-1', epoch: 4 };
  t.is(votersStreaming(readStreams([row]), count), 1);
  t.is(votersStreaming(readStreams([row]), { ...count, epoch: 5 }), 0);
  t.is(votersBehind(readStreams([row]), { ...count, barrier: 0n }), 0);
});

test('a log that goes beyond the fork, or stands on a timeline that was left out, cannot go on', (t) => {
  const history = '1\t0/5000000\tno recovery target specified\n';
  t.is(divergence({ epoch: 1, value: '0/5000000' }, history), undefined);
  t.regex(
    divergence({ epoch: 1, value: '0/5000001' }, history)?.reason ?? '',
    /ends at 0\/5000001, but was left at 0\/5000000/,
  );
  t.regex(divergence({ epoch: 3, value: '0/1' }, history)?.reason ?? '', /epoch 3, which was left out/);
});

test('a server is as large as its guest, and never smaller than it was without knowing', (t) => {
  t.deepEqual(sizesFor(null), { sharedBuffersMib: 32 });
  t.deepEqual(sizesFor(128), { sharedBuffersMib: 32 });
  t.deepEqual(sizesFor(1024), { sharedBuffersMib: 256 });
  t.deepEqual(sizesFor(65_536), { sharedBuffersMib: 16_384 });
});

test('at rest a server has no upstream and waits for nobody', (t) => {
  const settings = { clusterId: 'c1', memberId: 'c1-1', address: '127.1.0.2', port: 5432 };
  const config = renderConfig(
    { ...settings, layout, agentUser: 'root', timezone: 'UTC', sizes: sizesFor(null) },
    AT_REST,
  );
  t.regex(config, /^primary_conninfo = ''$/m);
  t.regex(config, /^synchronous_standby_names = ''$/m);
  t.regex(config, /^restart_after_crash = 'off'$/m);
  t.regex(config, /^data_directory = '\/volume\/data'$/m);
});

test('what is written into a setting cannot leave it', (t) => {
  const settings = { clusterId: 'c1', memberId: "a'\\b", address: '127.1.0.2', port: 5432 };
  const config = renderConfig(
    { ...settings, layout, agentUser: 'root', timezone: 'UTC', sizes: sizesFor(null) },
    AT_REST,
  );
  t.regex(config, /^cluster_name = 'a''\\\\b'$/m);
  const upstream = { memberId: 'c1-2', address: '127.1.0.3', port: 5432, serverName: "it's" };
  t.regex(conninfo(upstream, layout, 'c1-1.1.1'), /^host='it\\'s' hostaddr='127.1.0.3' /);
  t.is(renderIdent({ agentUser: 'root', clusterId: 'c1' }).split('\n')[2], 'members "c1" argosy_replication');
});

test('a shut door admits members only, an open one also clients with TLS and a password', (t) => {
  const rules = (door: 'open' | 'shut') =>
    renderHba(door)
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'));
  t.deepEqual(rules('shut'), [
    'local all argosy peer map=agent',
    'hostssl replication argosy_replication all cert map=members',
    'hostssl postgres argosy_replication all cert map=members',
  ]);
  t.is(rules('open').at(-1), 'hostssl all all all scram-sha-256');
  t.false(rules('open').some((rule) => /^host |trust|hostnossl/.test(rule)));
});

test('a commit waits for any k of the other voters, under their names of this epoch and rule', (t) => {
  const rule = { voters: ['c1-1', 'c1-2', 'c1-3'], acknowledgements: 1, generation: 7 };
  t.is(synchronousStandbyNames(rule, { memberId: 'c1-1', epoch: 4 }), 'ANY 1 ("c1-2.4.7", "c1-3.4.7")');
  const alone = { voters: ['c1-1'], acknowledgements: 0, generation: 7 };
  t.is(synchronousStandbyNames(alone, { memberId: 'c1-1', epoch: 4 }), '');
  const name = { memberId: 'c1-2', epoch: 4, generation: 7 };
  t.deepEqual(readStreamName(streamName(name)), name);
  t.is(readStreamName('argosy copy'), undefined);
  t.is(slotName('c1-2'), 'argosy_c1_2');
});

test('a voter counts once, in this epoch and by this rule, and only with what it has flushed', (t) => {
  const row = (name: string, flushed: string | null, state = 'streaming') => ({
    ...{ application_name: name, state, sync_state: 'quorum', flush_lsn: flushed, own_lsn: '0/200' },
  });
  const rule = { voters: ['c1-1', 'c1-2', 'c1-3'], acknowledgements: 1, generation: 7 };
  const count = (streams: FlushedStream[]) =>
    votersBehind(streams, { rule, memberId: 'c1-1', epoch: 4, barrier: readLsn('0/100') });
  t.is(count(readStreams([row('c1-2.4.7', '0/100'), row('c1-2.4.7', '0/200')])), 1);
  t.is(count(readStreams([row('c1-2.4.7', '0/100'), row('c1-3.4.7', '0/100')])), 2);
  const others = [row('c1-2.3.7', '0/200'), row('c1-2.4.6', '0/200'), row('c1-4.4.7', '0/200'), row('x', '0/200')];
  t.is(count(readStreams(others)), 0);
  t.is(count(readStreams([row('c1-2.4.7', '0/FF'), row('c1-3.4.7', null), row('c1-3.4.7', '0/200', 'catchup')])), 0);
  t.is(readStreams([row('c1-2.4.7', '0/FF')])[0]?.lagBytes, 0x101);
});

test('the newest timeline of a data directory may stand in either place of its control file', (t) => {
  const text = (checkpoint: number, recovery: number) =>
    `Database system identifier:           7654321\nLatest checkpoint's TimeLineID:       ${checkpoint}\nMin recovery ending loc's timeline:   ${recovery}\nMinimum recovery ending location:     0/3000060\nmax_connections setting:              64\nmax_worker_processes setting:         8\nmax_prepared_xacts setting:           0\nmax_locks_per_xact setting:           128\n`;
  t.is(readControlFile(text(1, 4)).timeline, 4);
  t.is(readControlFile(text(4, 0)).timeline, 4);
  const room = { max_connections: 64, max_worker_processes: 8, max_prepared_transactions: 0 };
  t.deepEqual(readControlFile(text(4, 0)).room, { ...room, max_locks_per_transaction: 128 });
  t.deepEqual(readControlFile(text(1, 4)).minimumRecoveryEnd, { timeline: 4, lsn: '0/3000060' });
  t.is(readControlFile(text(4, 0)).systemIdentifier, 7654321n);
  t.throws(() => readControlFile('nothing'), { message: /did not tell/ });
});

test('a control file gets another identifier and a checksum that fits, and a damaged one is refused', (t) => {
  // RFC 3720 B.4: CRC-32C of 32 zeros is 0x8a9136aa, here of what stands before offset 32.
  const zeros = Buffer.alloc(8192);
  zeros.writeUInt32LE(0x8a9136aa, 32);
  const changed = withSystemIdentifier(zeros, 0x0102030405060708n);
  t.is(changed.readBigUInt64LE(0), 0x0102030405060708n);
  t.deepEqual(withSystemIdentifier(changed, 0n), zeros);
  t.true(changed.subarray(36).equals(zeros.subarray(36)));

  changed[3] = 0;
  t.throws(() => withSystemIdentifier(changed, 1n), { message: /no checksum that is right/ });
});

test('a copy ends where its manifest says', (t) => {
  const manifest = `{ "Files": [],\n"WAL-Ranges": [\n{ "Timeline": 4, "Start-LSN": "0/2000028", "End-LSN": "0/2000100" }\n],\n`;
  t.deepEqual(readManifestEnd(manifest), { epoch: 4, value: '0/2000100' });
  t.throws(() => readManifestEnd('{}'), { message: /does not say/ });
});

test('a primary is cut off when fewer than k voters have answered, whatever its streams look like', (t) => {
  const rule = { voters: ['c1-1', 'c1-2', 'c1-3'], acknowledgements: 1, generation: 7 };
  const role = { kind: 'primary', epoch: 4, rule, peers: [], admin: null } as const;
  const streams = (...answers: [name: string, at: string][]) =>
    readStreams(
      answers.map(([name, at]) => ({
        ...{ application_name: name, state: 'streaming', sync_state: 'quorum', flush_lsn: '0/100', own_lsn: '0/200' },
        answered_at: at,
      })),
    );
  const isolation = new Isolation();
  isolation.see(role, 'c1-1', streams(['c1-2.4.7', 'a'], ['c1-3.4.7', 'a']), 0);
  isolation.see(role, 'c1-1', streams(['c1-2.4.7', 'b'], ['c1-3.4.7', 'a']), 1_000);
  t.is(isolation.cutOffMs(role, 1_500), 500);
  t.true(isolation.isThere('c1-2', 1_500));

  // The same answer again is none; neither is one of an older epoch, or of who is no voter.
  isolation.see(role, 'c1-1', streams(['c1-2.4.7', 'b'], ['c1-3.3.7', 'b'], ['c1-4.4.7', 'b']), 4_000);
  t.is(isolation.cutOffMs(role, 4_000), 3_000);
  t.false(isolation.isThere('c1-2', 4_000));
  isolation.see(role, 'c1-1', streams(['c1-3.4.8', 'c']), 5_000);
  t.is(isolation.cutOffMs(role, 5_000), 0, 'by whatever rule of the epoch');

  t.is(isolation.cutOffMs({ ...role, rule: { ...rule, acknowledgements: 0 } }, 90_000), 0);
  isolation.see({ ...role, epoch: 5 }, 'c1-1', [], 10_000);
  t.is(isolation.cutOffMs({ ...role, epoch: 5 }, 12_000), 2_000, 'a new epoch begins anew');
});
