import test from 'ava';
import type { DiscoveryView } from '../discovery.ts';
import { encode } from './resp.ts';
import { SentinelSession } from './sentinel.ts';

const [one, two, three] = [1, 2, 3].map((last) => ({ memberId: `c-${last}`, address: `10.0.0.${last}`, port: 6379 }));
const whole = { own: two, primary: one, replicas: [two, three], others: [one, three] } as DiscoveryView;
const headless: DiscoveryView = { ...whole, primary: undefined };

function asked(view: DiscoveryView, ...words: string[]): string {
  const session = new SentinelSession(() => view);
  return session
    .answer(words)
    .map((reply) => encode(reply, session.protocol))
    .join('');
}

test('who leads is told by its name only, and by nobody while an election is open', (t) => {
  t.is(asked(whole, 'SENTINEL', 'get-master-addr-by-name', 'mymaster'), '*2\r\n$8\r\n10.0.0.1\r\n$4\r\n6379\r\n');
  t.is(asked(whole, 'sentinel', 'GET-MASTER-ADDR-BY-NAME', 'other'), '*-1\r\n');
  t.is(asked(headless, 'SENTINEL', 'GET-MASTER-ADDR-BY-NAME', 'mymaster'), '*-1\r\n');
  t.regex(asked(headless, 'SENTINEL', 'MASTER', 'mymaster'), /master,s_down,o_down/);
  t.regex(asked(headless, 'SENTINEL', 'CKQUORUM', 'mymaster'), /^-NOQUORUM/);
});

test('replicas and the others that answer are listed, in the shape of either protocol', (t) => {
  t.regex(asked(whole, 'SENTINEL', 'REPLICAS', 'mymaster'), /^\*2\r\n\*20\r\n\$4\r\nname\r\n\$13\r\n10\.0\.0\.2:6379/);
  t.regex(asked(whole, 'SENTINEL', 'SENTINELS', 'mymaster'), /10\.0\.0\.3\r\n\$4\r\nport\r\n\$5\r\n26379/);
  const session = new SentinelSession(() => whole);
  t.regex(encode(session.answer(['HELLO', '3'])[0] ?? null, 3), /^%7\r\n/);
  t.is(session.protocol, 3);
  t.regex(encode(session.answer(['SENTINEL', 'MASTERS'])[0] ?? null, 3), /^\*1\r\n%\d+\r\n/);
  t.is(encode(session.answer(['SENTINEL', 'GET-MASTER-ADDR-BY-NAME', 'x'])[0] ?? null, 3), '_\r\n');
  t.regex(asked(whole, 'HELLO', '4'), /^-NOPROTO/);
});

test('a change of the primary is told to whoever subscribed to it', (t) => {
  const session = new SentinelSession(() => whole);
  t.deepEqual(session.switched(one as never, two as never), []);
  t.deepEqual(session.answer(['SUBSCRIBE', '+switch-master', '+sdown']), [
    { message: ['subscribe', '+switch-master', 1] },
    { message: ['subscribe', '+sdown', 2] },
  ]);
  session.answer(['PSUBSCRIBE', '+switch*', '[-+]sdown']);
  const message = 'mymaster 10.0.0.1 6379 10.0.0.2 6379';
  t.deepEqual(session.switched(one as never, two as never), [
    { message: ['message', '+switch-master', message] },
    { message: ['pmessage', '+switch*', '+switch-master', message] },
  ]);
  session.answer(['UNSUBSCRIBE']);
  session.answer(['PUNSUBSCRIBE', '+switch*']);
  t.deepEqual(session.switched(one as never, two as never), []);
});

test('what only Sentinel itself would do is refused with who does it here', (t) => {
  t.regex(asked(whole, 'SENTINEL', 'FAILOVER', 'mymaster'), /argosy cluster failover/);
  t.regex(asked(whole, 'SET', 'a', 'b'), /^-ERR unknown command/);
  t.regex(asked(whole, 'SENTINEL', 'MASTER', 'other'), /No such master/);
});
