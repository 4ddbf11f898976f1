import test from 'ava';
import { createRoot, createSigningRequest } from './certificates.ts';
import { createRegionRequest, readRegionAuthority, signRegionRequest, TrustError } from './region-request.ts';

const now = new Date();
const name = { federation: 'test', region: 'north' };

test('a region is signed and takes what it was given, and nothing that was made for another', async (t) => {
  const [root, stranger] = await Promise.all([createRoot('test', now), createRoot('test', now)]);
  const { request, key } = await createRegionRequest(name);
  const other = await createRegionRequest(name);
  const signed = await signRegionRequest(root, request, now);

  t.like(signed, name);
  t.like(readRegionAuthority(signed.bundle, key, now), { ...name, root: root.certificate });
  const refuse = (bundle: string, words: RegExp, of = key, at = now): unknown =>
    t.throws(() => readRegionAuthority(bundle, of, at), { instanceOf: TrustError, message: words });
  refuse(signed.bundle, /another key/, other.key);
  refuse(signed.bundle.replace(root.certificate.trim(), stranger.certificate.trim()), /not signed by this root/);
  refuse(signed.bundle, /ended on/, key, new Date(now.getTime() + 20 * 365 * 86_400_000));
  refuse('nothing', /two certificates/);
});

test('a reserved or malformed name, another federation, a wrong key are refused', async (t) => {
  const root = await createRoot('test', now);
  const refuse = async (request: string, words: RegExp, pair = root): Promise<unknown> =>
    t.throwsAsync(signRegionRequest(pair, request, now), { instanceOf: TrustError, message: words });
  const named = async (region: string, federation = 'test'): Promise<string> => {
    const { request } = await createSigningRequest(region, federation);
    return `-----BEGIN CERTIFICATE REQUEST-----\n${request.toString('base64')}\n-----END CERTIFICATE REQUEST-----\n`;
  };

  for (const region of ['gateway', 'No', 'a.b', '-a', 'x'.repeat(41)]) await refuse(await named(region), /cannot be/);
  await refuse(await named('north', 'other'), /for the federation "other"/);
  await refuse('nothing', /no signing request/);
  const other = await createRoot('test', now);
  await refuse(await named('north'), /not the key of this root/, { ...root, key: other.key });
  await t.throwsAsync(createRegionRequest({ ...name, region: 'gateway' }), { instanceOf: TrustError });
});
