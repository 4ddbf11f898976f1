import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { checkHistories } from './check-history.ts';
import { HistorySyntaxError, parseJepsenLog } from './jepsen-log.ts';
import { checkLinearizability } from './linearizability.ts';
import { registerModel } from './register.ts';

const folder = fileURLToPath(new URL('../../testdata/histories/', import.meta.url));
const linearizable = ['002', '005', '007', '018', '025', '031'];

function verdict(...lines: string[]): string {
  const log = lines.map((line) => `INFO  jepsen.util - ${line.split(' ').join('\t')}\n`).join('');
  return checkLinearizability(registerModel, parseJepsenLog(log.replaceAll('_', ' ')));
}

test('recorded histories of etcd get the verdicts that are known', (t) => {
  const files = readdirSync(folder).filter((name) => name.endsWith('.log'));
  t.true(files.length >= 9);
  const lines: string[] = [];

  const status = checkHistories(
    files.map((name) => folder + name),
    (line) => lines.push(line),
    (line) => t.fail(line),
  );

  t.is(status, 0);
  const expected = files.map((name) => {
    const isLinearizable = linearizable.some((number) => name === `etcd_${number}.log`);
    return `${folder}${name} ${isLinearizable ? 'linearizable' : 'not-linearizable'}`;
  });
  t.deepEqual(lines, expected);
});

test('a read that failed or was never answered says nothing, and its process may go on', (t) => {
  const lines = ['0 :invoke :read nil', '0 :fail :read :timed-out', '0 :invoke :write 1', '0 :ok :write 1'];
  t.is(verdict(...lines, '1 :invoke :read nil', '0 :invoke :read nil', '0 :ok :read 1'), 'linearizable');
});

test('a write that timed out may happen later, also when its process goes on or never hears of it', (t) => {
  const before = ['0 :invoke :write 1', '0 :ok :write 1', '1 :invoke :write 2'];
  const after = ['0 :invoke :read nil', '0 :ok :read 1', '0 :invoke :read nil', '0 :ok :read 2'];
  for (const end of ['1 :info :write :timed-out', '1 :fail :write :timed-out', '1 :invoke :read nil']) {
    t.is(verdict(...before, end, ...after), 'linearizable', end);
  }
  t.is(verdict(...before, '1 :fail :write :connection-refused', ...after), 'not-linearizable');
});

test('a compare-and-set that failed saw another value, and one that timed out saw nothing', (t) => {
  const before = ['0 :invoke :write 1', '0 :ok :write 1', '1 :invoke :cas [1_2]'];
  t.is(verdict(...before, '1 :fail :cas [1_2]'), 'not-linearizable');
  t.is(verdict(...before, '1 :fail :cas :timed-out'), 'linearizable');
  t.is(verdict(...before, '1 :ok :cas [1_2]', '0 :invoke :read nil', '0 :ok :read 2'), 'linearizable');
});

test('what the nemesis did and other lines are passed over; nil may be written with a colon', (t) => {
  const log = [
    'INFO [2016-01-01 10:00:00,000] jepsen worker 0 - jepsen.util 0\t:invoke\t:read\t:nil',
    'INFO  jepsen.util - :nemesis\t:info\t:start\t"Cut off {:n1 #{:n2}}"',
    'WARN  jepsen.core - Process 7 crashed',
    'INFO  jepsen.util - 0\t:ok\t:read\t:nil\r',
  ];
  t.is(checkLinearizability(registerModel, parseJepsenLog(log.join('\n'))), 'linearizable');
});

test('what is no history is told, with the line, and ends in status 1', (t) => {
  t.throws(() => parseJepsenLog('hello\n'), { instanceOf: HistorySyntaxError });
  t.throws(() => parseJepsenLog('0\t:ok\t:read\t1'), { message: /Line 1/ });
  t.throws(() => parseJepsenLog('0\t:invoke\t:write\tx'), { message: /Line 1/ });
  t.throws(() => parseJepsenLog('0\t:invoke\t:append\t1'), { message: /append/ });
  const complaints: string[] = [];
  t.is(
    checkHistories(['/nowhere/history.log'], t.fail, (line) => complaints.push(line)),
    1,
  );
  t.regex(complaints[0] ?? '', /\/nowhere\/history\.log: .*ENOENT/);
});
