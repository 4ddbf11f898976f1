// What the executor makes of a region: the same commands, before microcloud and before a real Keystone and a real Heat.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AGENT_PORT } from '@argosy/proto';
import { status } from '@grpc/grpc-js';
import type { ExecutionContext } from 'ava';
import { booting, type Cases, type Given, until } from './cases.ts';
import { VOLUME } from './contents.ts';
import {
  type ExecutorProcess,
  memberSpec,
  passwordAccount,
  REQUEST_LIMIT_MS,
  refusalOf,
  startExecutor,
} from './executor-process.ts';
import { RegionClient } from './region-client.ts';
import { MAX_STACKS, MEMBER_ADDRESS, REGION } from './region-under-test.ts';

/** Nothing is heard of a stack for so long: it is stuck. A busy Heat is silent for seconds, so only where one is. */
const STUCK = { stuckAfterSeconds: 12 };

export const executorCases: Cases = {};
const cases = executorCases;

type Changes = Parameters<typeof startExecutor>[1];

/** An executor that ends with the test, and what it leaves is nothing. */
async function executor(t: ExecutionContext, { target }: Given, changes: Changes = {}): Promise<ExecutorProcess> {
  const started = await startExecutor(target, changes);
  t.teardown(() => started.stop());
  return started;
}

async function leavesNothing(t: ExecutionContext, { target }: Given, asked: ExecutorProcess, ids: readonly string[]) {
  for (const id of ids) t.true(await asked.remove(id));
  t.deepEqual(target.leftOvers(), []);
}

cases['members are made, grown and removed by Keystone and Heat alone: the executor calls nobody else'] = async (
  t,
  given,
) => {
  const { target } = given;
  const asked = await executor(t, given, { events: target.messaging });

  const made = await Promise.all(['c1-1', 'c1-2'].map((id) => asked.ensure(memberSpec(id))));
  const addresses = made.map(({ peer }) => peer?.address ?? '');
  for (const address of addresses) t.regex(address, MEMBER_ADDRESS);
  t.is(new Set(addresses).size, 2);
  t.deepEqual(await asked.ensure(memberSpec('c1-1')), made[0]);
  const larger = await asked.ensure(memberSpec('c1-1', { flavor: 'large', volumeGib: 2 }));
  t.deepEqual(larger, { ...made[0], flavor: 'large', volumeGib: 2 });
  t.true((await asked.metric('argosy_heat_events_pushed_total')) > 0);
  t.is(await asked.metric('argosy_region_findings'), 0);
  await leavesNothing(t, given, asked, ['c1-1', 'c1-2']);
  t.false(await asked.remove('c1-1'));

  const allowed = [
    new URL(target.keystoneUrl).host,
    target.heat,
    ...addresses.map((address) => `${address}:${AGENT_PORT}`),
  ];
  t.deepEqual([...asked.connections()].sort(), allowed.sort());
};

cases['the executor has a dead server replaced that Heat has found, with the address and the volume'] = async (
  t,
  given,
) => {
  const { target, region } = given;
  const asked = await executor(t, given);
  const made = await asked.ensure(memberSpec('c2-1'));
  process.kill(target.servers()[0]?.process?.pid ?? 0, 'SIGKILL');
  await until('the cloud sees that the server is off', () => target.servers()[0]?.status === 'SHUTOFF');
  t.is((await region.checked(`/argosy-test-c2-1/${made.stackId}`)).stack_status, 'CHECK_FAILED');

  t.deepEqual(await asked.ensure(memberSpec('c2-1')), made);
  t.is(target.servers().length, 1);
  await leavesNothing(t, given, asked, ['c2-1']);
};

cases['an engine that is killed in the middle of a create costs time, and leaves one member'] = async (t, given) => {
  const { target } = given;
  const asked = await executor(t, given, STUCK);
  await target.faults({ zone_stalled: ['north-a'] });
  const making = asked.ensure(memberSpec('c3-1'));
  await booting(given, 'argosy-test-c3-1');
  await target.crashEngine();
  await target.faults({});

  t.is((await making).peer?.memberId, 'c3-1');
  t.is(target.servers().length, 1);
  await leavesNothing(t, given, asked, ['c3-1']);
};

cases['an engine that answers no more ends a command at its deadline, and the next one takes it up'] = async (
  t,
  given,
) => {
  const { target } = given;
  const openstack = { ...passwordAccount(target), requestTimeoutMs: 8_000 };
  const asked = await executor(t, given, { ...STUCK, openstack, heatSilenceSeconds: 4 });
  await target.faults({ zone_stalled: ['north-a'] });
  const making = refusalOf(asked.ensure(memberSpec('c4-1')));
  await booting(given, 'argosy-test-c4-1');

  target.freezeEngine();
  t.is((await making).code, status.DEADLINE_EXCEEDED);
  target.thawEngine();
  await target.faults({});
  t.is((await asked.ensure(memberSpec('c4-1'))).peer?.memberId, 'c4-1');
  t.is(target.servers().length, 1);
  await leavesNothing(t, given, asked, ['c4-1']);
};

cases['a token that ends in the middle of a create is replaced, and nobody notices'] = async (t, given) => {
  const { target, region } = given;
  const asked = await executor(t, given);
  await target.faults({ zone_stalled: ['north-a'] });
  const making = asked.ensure(memberSpec('c5-1'));
  await booting(given, 'argosy-test-c5-1');
  await target.expireTokens();
  await target.faults({});

  t.is((await making).peer?.memberId, 'c5-1');
  await leavesNothing(t, given, asked, ['c5-1']);
  region.token = (await RegionClient.signIn(target)).token;
};

cases['a name that another has taken is refused; our own stack is found again'] = async (t, given) => {
  const { region } = given;
  const asked = await executor(t, given);
  const path = await region.made('argosy-test-c6-1', { template: VOLUME, tags: 'somebody' });

  const refused = await refusalOf(asked.ensure(memberSpec('c6-1')));
  t.is(refused.code, status.FAILED_PRECONDITION);
  t.regex(refused.details, /argosy-test-c6-1 is not of the federation test/);
  await region.removed(path);
  await region.freed('argosy-test-c6-1');

  const made = await asked.ensure(memberSpec('c6-1'));
  const second = await executor(t, given);
  t.deepEqual(await second.ensure(memberSpec('c6-1')), made);
  await leavesNothing(t, given, asked, ['c6-1']);
};

cases['a region that is full says so, by servers or by stacks, and keeps nothing'] = async (t, given) => {
  const { target, region } = given;
  const asked = await executor(t, given);
  await target.faults({ server_quota: 0 });
  const servers = await refusalOf(asked.ensure(memberSpec('c7-1')));
  await target.faults({});
  t.is(servers.code, status.RESOURCE_EXHAUSTED);
  t.regex(servers.details, /Quota exceeded for instances/);
  t.deepEqual(target.leftOvers(), []);

  const empty = { template: { heat_template_version: '2021-04-16' } };
  await until('the former stacks are gone', async () => (await region.ask('')).body.stacks.length === 0);
  const paths = [];
  for (let number = 0; number < MAX_STACKS; number += 1) paths.push(await region.made(`full-${number}`, empty));
  const stacks = await refusalOf(asked.ensure(memberSpec('c7-2')));
  t.is(stacks.code, status.RESOURCE_EXHAUSTED);
  t.regex(stacks.details, /maximum stacks per tenant/);
  for (const path of paths) await region.removed(path);
};

cases['of two wishes at once the later one is carried out, after what has begun'] = async (t, given) => {
  const { target } = given;
  const asked = await executor(t, given);
  await asked.ensure(memberSpec('c8-1'));

  const before = target.acts().length;
  const earlier = refusalOf(asked.ensure(memberSpec('c8-1', { volumeGib: 2 })));
  await until('the update has begun', () => target.acts().length > before);
  const later = await asked.ensure(memberSpec('c8-1', { volumeGib: 3 }));

  t.is((await earlier).code, status.ABORTED);
  t.is(later.volumeGib, 3);
  t.is(target.servers().length, 1);
  await leavesNothing(t, given, asked, ['c8-1']);
};

cases["a tenant's token sees nothing of a member: no stack, server, port or volume"] = async (t, given) => {
  const asked = await executor(t, given);
  await asked.ensure(memberSpec('c9-1'));

  const { target, region } = given;
  const tenant = await RegionClient.signIn(target, ['demo', 'demo', 'demo']);
  t.deepEqual((await tenant.ask('')).body.stacks, []);
  t.deepEqual(await tenant.belongings(), {});
  const { stacks } = (await region.ask('')).body;
  t.deepEqual(
    stacks.map((stack: { stack_name: string }) => stack.stack_name),
    ['argosy-test-c9-1'],
  );
  const kinds = target.name === 'openstack' ? ['ports', 'security_groups', 'servers', 'volumes'] : [];
  t.deepEqual(Object.keys(await region.belongings()).sort(), kinds);
  await leavesNothing(t, given, asked, ['c9-1']);
};

cases['an application credential signs in, and what Keystone refuses it is told with what helps'] = async (
  t,
  given,
) => {
  const { target, region } = given;
  const { id, secret } = await region.applicationCredential('executor');
  const { authUrl } = passwordAccount(target);
  const openstack = {
    ...{ authUrl, region: REGION, applicationCredentialId: id, applicationCredentialSecret: secret },
    requestTimeoutMs: REQUEST_LIMIT_MS,
  };
  const asked = await executor(t, given, { openstack });

  // It lists, and finds nothing to remove.
  t.false(await asked.remove('c10-1'));
  const refused = await refusalOf(asked.ensure(memberSpec('c10-2')));
  t.is(refused.code, status.PERMISSION_DENIED);
  t.regex(refused.details, /answered 403: .*application credential.*password of a service user/s);
  t.deepEqual(target.leftOvers(), []);
};

cases['a cloud of a clouds.yaml says where and as whom'] = async (t, given) => {
  const { target } = given;
  const directory = mkdtempSync(join(tmpdir(), 'argosy-clouds-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  const cloudsFile = join(directory, 'clouds.yaml');
  const auth = { auth_url: target.keystoneUrl, username: 'argosy', password: 'secret', project_name: 'service' };
  const domains = { user_domain_id: 'default', project_domain_id: 'default' };
  const clouds = { ours: { region_name: REGION, auth: { ...auth, ...domains } } };
  // What is JSON is YAML.
  writeFileSync(cloudsFile, JSON.stringify({ clouds }));
  const asked = await executor(t, given, {
    openstack: { cloud: 'ours', cloudsFile, requestTimeoutMs: REQUEST_LIMIT_MS },
  });

  t.is((await asked.ensure(memberSpec('c11-1'))).peer?.memberId, 'c11-1');
  await leavesNothing(t, given, asked, ['c11-1']);
};

cases['members that no host may have two of are of one server group, which goes with the last of them'] = async (
  t,
  given,
) => {
  const { target } = given;
  const asked = await executor(t, given);

  await Promise.all(['c12-1', 'c12-2'].map((id) => asked.ensure(memberSpec(id, { apart: true }))));
  const groups = new Set(target.servers().map(({ group }) => group));
  t.is(groups.size, 1);
  t.truthy([...groups][0]);
  t.true(await asked.remove('c12-1'));
  t.true(target.leftOvers().some((name) => name.startsWith('groups/')));
  await leavesNothing(t, given, asked, ['c12-2']);
};

cases['what the configuration names and the region does not have is said at the start'] = async (t, given) => {
  const asked = await executor(t, given, { image: 'none', network: 'nowhere' });
  const token = (await RegionClient.signIn(given.target, ['admin', 'admin', 'service'])).token;

  await until('the region was asked', async () => (await asked.metric('argosy_region_findings')) === 3);
  const { findings } = (await asked.admin(token, '/status')).status;
  const subjects = findings.map(({ subject }: { subject: string }) => subject);
  t.deepEqual(subjects, [
    'network nowhere',
    ...['small', 'large'].map((name) => `flavor ${name} (m1.${name}) with image none`),
  ]);
  t.regex(findings[0].why, /network with name or id 'nowhere'/);
};
