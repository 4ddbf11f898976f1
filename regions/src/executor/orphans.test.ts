// Orphans: what is found, by whose word, and what a repair may touch.
import { AgentState, callUnary } from '@argosy/proto';
import test from 'ava';
import { callAs, deadline, ensure } from '../testing/calls.ts';
import { spec, wholeRegion } from '../testing/region.ts';
import { findOrphans, isRemovable } from './orphans.ts';
import type { SeenMember } from './region-watch.ts';

test('what somebody should look at: a silent agent after a while, a stack that is no member, a double', (t) => {
  const now = new Date();
  const stack = (id: string, name: string, stackStatus = 'CREATE_COMPLETE') => ({
    ...{ id, name, status: stackStatus, reason: 'why', tags: [] },
  });
  const seen = (id: string, memberId: string, state: AgentState, minutes: number): SeenMember => ({
    ...{ memberId, clusterId: 'c1', zone: 'a', location: undefined },
    stack: { ...stack(id, memberId), parameters: {}, outputs: {} },
    agent: { state, report: undefined, detail: '' },
    agentSince: new Date(now.getTime() - minutes * 60_000),
  });
  const members = [
    seen('1', 'well', AgentState.REACHABLE, 90),
    seen('2', 'young', AgentState.AWAITED, 3),
    seen('3', 'silent', AgentState.UNREACHABLE, 30),
    seen('4', 'twin', AgentState.REACHABLE, 1),
    seen('5', 'twin', AgentState.REACHABLE, 1),
  ];
  const tagged = [...members.map((member) => stack(member.stack.id, member.memberId)), stack('6', 'x')];

  const found = findOrphans({
    ...{ federation: 'test', members, now },
    tagged: [...tagged, stack('7', 'y', 'DELETE_FAILED')],
  });

  t.deepEqual(
    found.map((orphan) => `${orphan.stack?.id} ${orphan.kind}`),
    ['3 no_agent', '4 duplicate', '5 duplicate', '6 not_a_member', '7 not_deleted'],
  );
});

test('by what the gateway knows: strangers, members given up, and members without a stack are told apart', (t) => {
  const now = new Date();
  const stack = (memberId: string, stackStatus = 'CREATE_COMPLETE') => ({
    ...{ id: `stack of ${memberId}`, name: `argosy-test-${memberId}`, status: stackStatus, reason: 'why', tags: [] },
  });
  const ids = ['c1-2', 'c1-1', 'c1-9', 'c7-1'];
  const members = ids.map(
    (memberId): SeenMember => ({
      ...{ memberId, clusterId: memberId.slice(0, 2), zone: 'a', location: undefined },
      stack: { ...stack(memberId), parameters: {}, outputs: {} },
      agent: { state: AgentState.REACHABLE, report: undefined, detail: '' },
      agentSince: now,
    }),
  );
  const known = {
    members: [
      { memberId: 'c1-2', placed: true },
      { memberId: 'c1-3', placed: true },
      { memberId: 'c1-4', placed: false },
      { memberId: 'c1-5', placed: false },
    ],
    clusters: [{ clusterId: 'c1', nextOrdinal: 6 }],
  };
  const tagged = [...ids.map((memberId) => stack(memberId)), stack('c1-5', 'DELETE_FAILED')];
  const seen = {
    ...members[0],
    memberId: 'c1-5',
    stack: { ...stack('c1-5'), parameters: {}, outputs: {} },
  } as SeenMember;

  const found = findOrphans({ federation: 'test', members: [...members, seen], now, tagged }, known);

  t.deepEqual(
    found.map((orphan) => `${orphan.memberId} ${orphan.kind} ${isRemovable(orphan)}`),
    ['c1-1 retired_member true', 'c1-9 unknown_member true', 'c7-1 unknown_member true', 'c1-3 no_stack false'],
  );
});

test('an orphan is shown first, and removed only when its stack is named; a member never is', async (t) => {
  const region = await wholeRegion(t);
  const { gateway } = region;
  const made = await ensure(gateway, spec('c1-1'));
  const stranger = await ensure(gateway, spec('c2-1'));
  const admin = callAs(await region.token(), region.executor.adminPort);
  const known = {
    members: [{ memberId: 'c1-1', placed: true }],
    clusters: [{ clusterId: 'c1', nextOrdinal: 2 }],
  };
  const audit = (remove: string[]) =>
    callUnary(gateway.audit.bind(gateway), { ...known, remove }, { deadline: deadline() });

  const unasked = (await admin('/v1/orphans')).body;
  t.deepEqual(unasked, { gateway_told_at: null, orphans: [] });
  const { orphans } = await audit([]);
  t.deepEqual(
    orphans.map(({ memberId, kind, removable, removed }) => ({ memberId, kind, removable, removed })),
    [{ memberId: 'c2-1', kind: 'unknown_member', removable: true, removed: false }],
  );
  const shown = (await admin('/v1/orphans')).body;
  t.not(shown.gateway_told_at, null);
  t.like((shown.orphans as object[])[0], { member_id: 'c2-1', stack_id: stranger.stackId });

  t.like((await audit([made.stackId])).orphans[0], { removed: false });
  t.is((await admin('/v1/orphans/repair', 'POST', { stack_ids: [] })).code, 400);
  const repaired = (await admin('/v1/orphans/repair', 'POST', { stack_ids: [made.stackId, stranger.stackId] })).body;
  t.like((repaired.orphans as object[])[0], { member_id: 'c2-1', removed: true });
  t.deepEqual((await audit([])).orphans, []);
  t.is((await ensure(gateway, spec('c1-1'))).stackId, made.stackId);
});
