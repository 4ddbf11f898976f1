import { systemClock } from '@argosy/proto';
import { status } from '@grpc/grpc-js';
import test from 'ava';
import { codeOfAnswer, codeOfFailedStack, failureClass, OpenStackError } from './errors.ts';
import { HeatClient } from './heat.ts';
import type { Fetch, HttpAnswer, HttpRequest } from './http.ts';
import { createHttp } from './http.ts';
import { Keystone, type KeystoneAccount } from './keystone.ts';

const domain = { name: 'Default' };
const ACCOUNT: KeystoneAccount = {
  ...{ authUrl: 'http://keystone', region: 'north', interface: 'public' },
  credential: { kind: 'password', user: { name: 'argosy', domain }, password: 'secret', project: { id: 'p' } },
};

function answer(code: number, body?: unknown, headers: Record<string, string> = {}): HttpAnswer {
  return { status: code, body, headers, text: body === undefined ? '' : JSON.stringify(body) };
}

/** A Keystone whose tokens are numbered, in front of a service that answers by `serve`. */
function fakeCloud(
  lifeMs: number,
  serve: (request: HttpRequest) => HttpAnswer,
): { fetch: Fetch; signIns: () => number } {
  let signIns = 0;
  const endpoint = (region: string) => ({ interface: 'public', region_id: region, url: `http://heat.${region}/v1/p` });
  const fetch: Fetch = (request) => {
    if (!request.url.startsWith('http://keystone')) return Promise.resolve(serve(request));
    signIns += 1;
    const token = {
      expires_at: new Date(Date.now() + lifeMs).toISOString(),
      user: { id: 'u', name: 'argosy' },
      catalog: [{ type: 'orchestration', endpoints: [endpoint('south'), endpoint('north')] }],
    };
    return Promise.resolve(answer(201, { token }, { 'x-subject-token': `token-${signIns}` }));
  };
  return { fetch, signIns: () => signIns };
}

test('one token serves many requests, at the endpoint of our own region', async (t) => {
  const urls: string[] = [];
  const cloud = fakeCloud(3_600_000, (request) => {
    urls.push(request.url);
    return answer(200, { stacks: [] });
  });
  const heat = new HeatClient(new Keystone(ACCOUNT, cloud.fetch, systemClock));

  await Promise.allSettled([heat.list('argosy'), heat.list('argosy')]);
  await heat.list('argosy');

  t.is(cloud.signIns(), 1);
  t.true(urls.every((url) => url.startsWith('http://heat.north/v1/p/stacks?tags=argosy')));
});

test('a token that is refused, or nearly over, is replaced', async (t) => {
  const refusing = fakeCloud(3_600_000, ({ headers }) =>
    headers?.['x-auth-token'] === 'token-1' ? answer(401) : answer(200, { stacks: [] }),
  );
  await t.notThrowsAsync(new HeatClient(new Keystone(ACCOUNT, refusing.fetch, systemClock)).list('argosy'));
  t.is(refusing.signIns(), 2);

  // A token of the second in which all tokens of the user were ended is refused as well.
  const twice = fakeCloud(3_600_000, ({ headers }) =>
    headers?.['x-auth-token'] === 'token-3' ? answer(200, { stacks: [] }) : answer(401),
  );
  await t.notThrowsAsync(new HeatClient(new Keystone(ACCOUNT, twice.fetch, systemClock)).list('argosy'));
  t.is(twice.signIns(), 3);
  const never = fakeCloud(3_600_000, () => answer(401));
  await t.throwsAsync(new HeatClient(new Keystone(ACCOUNT, never.fetch, systemClock)).list('argosy'));
  t.is(never.signIns(), 3);

  const short = fakeCloud(60_000, () => answer(200, { stacks: [] }));
  const heat = new HeatClient(new Keystone(ACCOUNT, short.fetch, systemClock));
  await heat.list('argosy');
  await heat.list('argosy');
  t.is(short.signIns(), 2);
});

test('a body that is HTML is not read, and a delete of what is gone is done', async (t) => {
  const html = { ...answer(202), text: '<html>', headers: { 'content-type': 'text/html' } };
  for (const given of [html, answer(204), answer(404)]) {
    const cloud = fakeCloud(3_600_000, () => given);
    await t.notThrowsAsync(
      new HeatClient(new Keystone(ACCOUNT, cloud.fetch, systemClock)).remove({ id: '1', name: 'x' }),
    );
  }
});

test('a stack that Heat cannot show is not taken for gone', async (t) => {
  const show = (type: string) => {
    const cloud = fakeCloud(3_600_000, () => answer(404, { error: { type, message: 'id 8 not found' } }));
    return new HeatClient(new Keystone(ACCOUNT, cloud.fetch, systemClock)).show({ id: '1', name: 'x' });
  };

  t.is(await show('EntityNotFound'), undefined);
  const error = await t.throwsAsync(show('NotFound'), { instanceOf: OpenStackError });
  t.is(failureClass(error.code), 'retry');
});

test('a service that cannot be reached is worth a retry', async (t) => {
  const http = createHttp();
  t.teardown(() => http.close());

  const error = await t.throwsAsync(http.fetch({ method: 'GET', url: 'http://127.0.0.1:1/' }), {
    instanceOf: OpenStackError,
  });

  t.is(error?.code, status.UNAVAILABLE);
  t.is(failureClass(status.UNAVAILABLE), 'retry');
});

test('each answer of OpenStack has its class', (t) => {
  t.is(failureClass(codeOfAnswer(400, 'Property error')), 'never');
  t.is(failureClass(codeOfAnswer(403, 'Forbidden')), 'never');
  t.is(failureClass(codeOfAnswer(403, 'You have reached the maximum stacks per tenant: quota')), 'elsewhere');
  const most = 'You have reached the maximum stacks per tenant, 512. Please delete some stacks.';
  t.is(failureClass(codeOfAnswer(400, most)), 'elsewhere');
  t.is(failureClass(codeOfAnswer(401, '')), 'retry');
  t.is(failureClass(codeOfAnswer(503, '')), 'retry');
  const reasons = [
    'ResourceInError: resources.server: Went to status ERROR due to "Message: No valid host was found."',
    'OverLimit: resources.volume: VolumeSizeExceedsAvailableQuota: Requested volume exceeds allowed gigabytes quota.',
    'IpAddressGenerationFailureClient: resources.port: No more IP addresses available on network x.',
    'Forbidden: resources.server: Quota exceeded for instances: Requested 1, but already used 10 of 10 instances',
  ];
  for (const reason of reasons) t.is(failureClass(codeOfFailedStack(reason)), 'elsewhere', reason);
  t.is(failureClass(codeOfFailedStack('resources.server: Build of instance aborted')), 'retry');
  const invalid = 'Resource CREATE failed: StackValidationFailed: resources.compute: Property error: no such image';
  t.is(failureClass(codeOfFailedStack(invalid)), 'never');
});
