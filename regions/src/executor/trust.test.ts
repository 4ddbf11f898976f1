import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  AgentState,
  callUnary,
  createRegionRequest,
  createRoot,
  isPair,
  issueLeaf,
  signRegionRequest,
  TrustError,
} from '@argosy/proto';
import test from 'ava';
import { deadline, ensure, header, watch } from '../testing/calls.ts';
import { executor, FEDERATION, folder, gatewayClient, REGION, spec, until, wholeRegion } from '../testing/region.ts';
import { initialise, installCertificate, SetUpError } from './set-up.ts';

/** About a minute: with the five minutes for clocks that differ, less than a third of its life from the start. */
const SHORT_DAYS = 0.001;

test('a region is set up by init, a signature, and the installation of what was signed', async (t) => {
  const directory = join(folder(t), 'region');
  const now = new Date();
  const root = await createRoot(FEDERATION, now);

  const next = await initialise({ federation: FEDERATION, region: REGION, directory });
  t.regex(next.join('\n'), /argosy region sign .*--request .*intermediate\.csr/);
  t.is(statSync(join(directory, 'region.key')).mode & 0o777, 0o600);
  const again = initialise({ federation: FEDERATION, region: REGION, directory });
  await t.throwsAsync(again, { instanceOf: SetUpError, message: /nothing is overwritten/ });

  const file = join(directory, 'signed.pem');
  const install = (): Promise<string[]> => installCertificate({ file, directory, now, days: 1 });
  const stranger = await createRegionRequest({ federation: FEDERATION, region: REGION });
  writeFileSync(file, (await signRegionRequest(root, stranger.request, now)).bundle);
  await t.throwsAsync(install(), { instanceOf: TrustError, message: /another key/ });
  const request = readFileSync(join(directory, 'intermediate.csr'), 'utf8');
  writeFileSync(file, (await signRegionRequest(root, request, now)).bundle);
  t.regex((await install()).join('\n'), /"intermediateKeyFile": ".*intermediate\.key"/);

  const read = (name: string): string => readFileSync(join(directory, name), 'utf8');
  t.true(isPair({ certificate: read('leaf.pem'), key: read('leaf.key') }));
  t.is(statSync(join(directory, 'leaf.key')).mode & 0o777, 0o600);
  await t.throwsAsync(install(), { instanceOf: SetUpError, message: /nothing is overwritten/ });
});

test('the executor renews its own certificate while it serves, and breaks nothing off', async (t) => {
  const region = await wholeRegion(t);
  await ensure(region.gateway, spec('c1-1'));
  const identity = { kind: 'executor', federation: FEDERATION, region: REGION } as const;
  const validity = { now: new Date(), days: SHORT_DAYS };
  const first = await issueLeaf(region.authorities.intermediate, { identity, validity });
  const [certificateFile, keyFile] = [join(region.directory, 'own.pem'), join(region.directory, 'own.key')];
  writeFileSync(certificateFile, first.certificate);
  writeFileSync(keyFile, first.key);

  const short = { certificateFile, keyFile, executorCertificateDays: SHORT_DAYS, renewalCheckSeconds: 0.3 };
  const renewing = await executor(t, { ...region.executorConfig, ...short });
  const gateway = await gatewayClient(t, renewing, region.authorities);
  const { told, newest } = watch(t, gateway);
  await until(() => newest('c1-1')?.agent === AgentState.REACHABLE);
  const seen = new Set<string>();
  await until(() => seen.add(readFileSync(certificateFile, 'utf8')).size > 3);

  t.false(told.some((one) => one.$case === 'member' && one.value.agent === AgentState.UNREACHABLE));
  const late = await gatewayClient(t, renewing, region.authorities);
  const command = { $case: 'promise' as const, value: { header: header('c1-1') } };
  const answer = await callUnary(late.commandMember.bind(late), { command }, { deadline: deadline() });
  t.is(answer.answer?.$case, 'promise');
  const heard = told.length;
  await until(() => told.length > heard);
});

test('a member whose certificate nears its end is given another while it serves', async (t) => {
  const region = await wholeRegion(t, { executor: { memberCertificateDays: SHORT_DAYS, renewalCheckSeconds: 0.3 } });
  await ensure(region.gateway, spec('c1-1'));
  const { newest } = watch(t, region.gateway);
  const volumes = join(region.directory, 'volumes');
  const kept = join(volumes, readdirSync(volumes)[0] ?? '', 'agent.json');

  const seen = new Set<string>();
  await until(() => existsSync(kept) && seen.add(certificateOf(readFileSync(kept, 'utf8'))).size > 2);

  await until(() => newest('c1-1')?.agent === AgentState.REACHABLE);
  t.is((await ensure(region.gateway, spec('c1-1'))).peer?.memberId, 'c1-1');
});

/** Empty while the file is being written. */
function certificateOf(text: string): string {
  return /"certificate":"([^"]*)"/.exec(text)?.[1] ?? '';
}
