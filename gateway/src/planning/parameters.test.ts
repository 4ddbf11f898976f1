import test from 'ava';
import { applyFact } from '../state/apply-fact.ts';
import { type Cluster, memberOf } from '../state/clusters.ts';
import type { Fact } from '../state/entries.ts';
import { afterGivingUp, wishOf } from '../state/wishes.ts';
import { plan } from './cluster.ts';
import { carryOut, cluster, failedOver, first, made } from './cluster-for-tests.ts';
import { readySteps } from './ready.ts';

type Values = Readonly<Record<string, string>>;

function wishing(start: Cluster, values: Values): Cluster {
  const generation = (start.spec.parameters?.generation ?? 0) + 1;
  return { ...start, revision: start.revision + 1, spec: { ...start.spec, parameters: { generation, values } } };
}

function running(start: Cluster, values: Values): Cluster {
  return carryOut(wishing(start, values), first).end;
}

function ids(state: Cluster): string[] {
  return readySteps(state).map(({ id }) => id);
}

function kinds(state: Cluster): string[] {
  return plan(state).map(({ kind, ordinal }) => `${kind}/${ordinal}`);
}

const whole = made(3);

test('a parameter that needs no restart comes into force on one member after another, the primary last', (t) => {
  const wished = wishing(whole, { work_mem: '16MB' });

  t.deepEqual(kinds(wished), ['set_parameters/2', 'set_parameters/3', 'set_parameters/1']);
  t.deepEqual(ids(wished), ['set_parameters/2/1']);
  const { end } = carryOut(wished, first);
  t.deepEqual(
    end.members.map(({ facts }) => facts.parameters),
    Array.from({ length: 3 }, () => ({ generation: 1, values: { work_mem: '16MB' } })),
  );
});

test('one that needs a restart: the replicas, then a switchover, then who was the primary', (t) => {
  const wished = wishing(whole, { max_connections: '200' });

  const steps = kinds(wished);
  t.deepEqual(steps.slice(0, 3), ['set_parameters/2', 'set_parameters/3', 'raise_epoch/2']);
  t.deepEqual(steps.filter((step) => step.startsWith('set_parameters')).at(-1), 'set_parameters/1');
  const { end } = carryOut(wished, first);
  t.is(end.primary, 2);
  t.deepEqual(ids(end), []);
});

test('no member is restarted while too few voters would be left for a commit', (t) => {
  let state = wishing(whole, { max_connections: '200' });
  const members = state.members.map((member) =>
    member.ordinal === 3 ? { ...member, facts: { ...member.facts, isUp: false } } : member,
  );
  state = { ...state, members };

  const [step] = readySteps(state);
  t.is(step?.id, 'set_parameters/2/1');
  t.regex(step?.blocked ?? '', /a commit needs 1/);
  t.is(readySteps(wishing({ ...whole, members }, { work_mem: '1MB' }))[0]?.blocked, undefined, 'live needs no budget');
});

test('of what a replica needs at least as much as its primary, less begins with the primary, in place', (t) => {
  const many = running(whole, { max_connections: '200' });
  const primary = many.primary ?? 0;

  const steps = kinds(wishing(many, { max_connections: '50' }));

  t.is(steps[0], `set_parameters/${primary}`);
  t.false(steps.some((step) => step.startsWith('raise_epoch')));
  t.is(steps.length, 3);
  // Without a value it is 100, which is less as well.
  t.is(kinds(wishing(many, {}))[0], `set_parameters/${primary}`);
});

test('a lone voter restarts in place', (t) => {
  t.deepEqual(kinds(wishing(made(1), { max_connections: '200' })), ['set_parameters/1']);
});

test('a new member begins with its parameters, and so does a new cluster', (t) => {
  const born = carryOut(wishing(cluster(['voter', 'voter', 'voter']), { max_connections: '200' }), first);
  t.is(born.done.filter((id) => id.startsWith('set_parameters')).length, 3);
  t.true(born.done.indexOf('set_parameters/1/1') < born.done.indexOf('initialise/1'));
  t.true(born.done.indexOf('set_parameters/2/1') < born.done.indexOf('seed/2'));
  t.false(born.done.some((id) => id.startsWith('raise_epoch')));
});

test('a member that says that it must start anew is asked again with leave to, in its turn', (t) => {
  let state = wishing(whole, { work_mem: '16MB' });
  const inDoubt: Fact = { kind: 'restart_needed', ordinal: 2, generation: 1 };
  state = applyFact(state, inDoubt);

  t.deepEqual(ids(state), ['set_parameters/2/1.restart']);
  const { end } = carryOut(state, first);
  t.is(memberOf(end, 2)?.facts.restartForParameters, undefined);
  t.deepEqual(ids(end), []);
});

test('a change that fails brings the old values back under a new number, on every member', (t) => {
  const before = running(whole, { work_mem: '4MB' });
  const wished = wishing(before, { work_mem: '4MB', huge_pages: 'on' });
  const operation = { id: 'o', kind: 'cluster.update', before: wishOf(before) } as never;

  const back = afterGivingUp(wished, operation);

  t.deepEqual(back.spec.parameters, { generation: 3, values: { work_mem: '4MB' } });
  t.deepEqual(kinds(back), ['set_parameters/2', 'set_parameters/3', 'set_parameters/1']);
  t.false(
    kinds(back).some((step) => step.startsWith('raise_epoch')),
    'nobody is restarted for what it has',
  );
});

test('a failover in the middle is not held up, and whoever leads then is led to the wish', (t) => {
  let state = wishing(whole, { max_connections: '200' });
  state = applyFact(state, {
    kind: 'parameterized',
    ordinal: 2,
    parameters: { generation: 1, values: { max_connections: '200' } },
  });

  const { done, end } = carryOut(failedOver(state, [1]), first);

  t.false(
    done
      .slice(
        0,
        done.findIndex((id) => id.startsWith('open')),
      )
      .some((id) => id.startsWith('set_parameters/1')),
  );
  t.true(wantedAreSet(end), done.join(' '));
});

function wantedAreSet({ members }: Cluster): boolean {
  return members.every(({ facts }) => facts.isAway === true || facts.parameters?.generation === 1);
}
