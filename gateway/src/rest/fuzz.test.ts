import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import test from 'ava';
import { sequence } from '../conductor/world-for-tests.ts';
import { exchange, type FuzzedRequest, Fuzzer, type RawAnswer } from './fuzz-for-tests.ts';
import { type Served, serve, undocumented } from './server-for-tests.ts';

/** `ARGOSY_FUZZ_REQUESTS=10000 ARGOSY_FUZZ_SEED=7 npx ava gateway/src/rest/fuzz.test.ts` goes further. */
const REQUESTS = Number(process.env.ARGOSY_FUZZ_REQUESTS ?? 1_500);
const SEED = Number(process.env.ARGOSY_FUZZ_SEED ?? 1);
const WARM_UP_REQUESTS = 500;
const AT_ONCE = 8;
/** Far less than what the requests weigh, so that nothing can be kept of each. */
const MAX_GROWTH_BYTES = 8 * 1024 * 1024;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

function heapAfterCollection(): number {
  collectGarbage();
  collectGarbage();
  return process.memoryUsage().heapUsed;
}

/** What is wrong with an answer; undefined when nothing is. */
function faultOf({ method, path, isIntact }: FuzzedRequest, answer: RawAnswer, served: Served): string | undefined {
  const { status, head, body } = answer;
  if (status === undefined) return isIntact && method !== 'CONNECT' ? 'no answer' : undefined;
  if (status >= 500) return 'it is our fault';
  if (method === 'HEAD' || !/^content-type: application\/(problem\+)?json/im.test(head)) return undefined;
  const parsed = JSON.parse(Buffer.from(body, 'latin1').toString('utf8'));
  const message: unknown = parsed.error?.message ?? parsed.detail;
  if (status >= 400 && (typeof message !== 'string' || message.length < 10)) return 'the fault is not named';
  const isFromRoute = isIntact && ![408, 431].includes(status) && parsed.error?.title !== 'request.malformed';
  if (!isFromRoute || parsed.error === undefined || path.includes('//')) return undefined;
  return ['route.not_found', 'method.not_allowed'].includes(parsed.error.title)
    ? undefined
    : undocumented(method, path.split('#')[0] ?? '', status, parsed, served);
}

async function fuzz(served: Served, fuzzer: Fuzzer, count: number, tally: Map<string, number>): Promise<string[]> {
  const faults: string[] = [];
  let remaining = count;
  const worker = async (): Promise<void> => {
    while (remaining > 0) {
      remaining -= 1;
      const request = fuzzer.next();
      const answer = await exchange(served.port, request.bytes);
      const fault = faultOf(request, answer, served);
      tally.set(String(answer.status), (tally.get(String(answer.status)) ?? 0) + 1);
      if (fault !== undefined)
        faults.push(`${fault}: ${request.bytes.toString('latin1').slice(0, 600)} -> ${answer.head} ${answer.body}`);
    }
  };
  const ended = await Promise.allSettled(Array.from({ length: AT_ONCE }, worker));
  return [...faults, ...ended.flatMap((each) => (each.status === 'rejected' ? [String(each.reason)] : []))];
}

test('whatever is sent is answered with what is wrong with it, and leaves nothing behind in memory', async (t) => {
  t.timeout(600_000);
  const limits = { headersMs: 1_000, requestMs: 1_000, checkMs: 100 };
  const served = await serve(t, { limits, quotas: { clusters: 5 } });
  const fuzzer = new Fuzzer(sequence(SEED));
  const tally = new Map<string, number>();
  const first = await fuzz(served, fuzzer, WARM_UP_REQUESTS, tally);
  const before = heapAfterCollection();
  const rest = await fuzz(served, fuzzer, REQUESTS - WARM_UP_REQUESTS, tally);
  const growth = heapAfterCollection() - before;
  t.log(`seed ${SEED}: ${JSON.stringify(Object.fromEntries([...tally].sort()))}, heap grew ${growth} bytes`);

  t.deepEqual([...first, ...rest].slice(0, 5), []);
  t.true(growth < MAX_GROWTH_BYTES, `${growth} bytes`);
  t.is((await served.call('demo', 'GET', '/v2/clusters')).status, 200);
});
