import type { Clock } from '@argosy/proto';
import test from 'ava';
import { WriterRecord } from './writer-record.ts';

const START = Date.parse('2026-01-01T00:00:00Z');

/** A clock that stands where it is put. */
function clockAt(at: { ms: number }): Clock {
  return {
    now: () => new Date(START + at.ms),
    monotonicMs: () => at.ms,
    after: () => ({ cancel: () => undefined }),
  };
}

test('a pause that lasts is told while it lasts, and none is after the writer has ended', (t) => {
  const at = { ms: 1_000 };
  const record = WriterRecord.of('', clockAt(at));
  record.acknowledge(record.begin());
  at.ms = 4_000;
  t.deepEqual(record.report('').pauses, [{ begunMsAgo: 3_000, lastedMs: 3_000 }]);
  record.acknowledge(record.begin());

  record.end();
  at.ms = 60_000;

  const { pauses, acknowledged, silentMs } = record.report('');
  t.deepEqual(pauses, [{ begunMsAgo: 59_000, lastedMs: 3_000 }]);
  t.is(acknowledged, 2);
  t.is(silentMs, 56_000);
});

test('what is not there was lost, over the time in which it was acknowledged', (t) => {
  const at = { ms: 0 };
  const record = WriterRecord.of('', clockAt(at));
  for (let number = 1; number <= 10; number += 1) {
    at.ms += 10;
    record.acknowledge(record.begin());
  }
  const there = new Map([1, 2, 3, 4, 5, 6, 9, 10].map((number) => [number, number === 9 ? 2 : 1]));

  record.count(there);

  t.deepEqual(record.report('').count, { lost: 2, doubled: 1, lostMs: 10, examples: [7, 8] });
});

test('a journal is read again after a restart, and no number of before is used once more', (t) => {
  const at = { ms: 50_000 };
  const record = WriterRecord.of(`drill\n1 ${START + 10_000}\n2 ${START + 10_020}\n3 171`, clockAt(at));

  t.like(record.report(''), { acknowledged: 2, silentMs: 39_980 });
  t.true(record.begin() > 3);
});
