import { AgentState, type MemberObservation, MemberRole } from '@argosy/proto';
import test from 'ava';
import { after, carryOut, cluster, failedOver, first, made } from '../planning/cluster-for-tests.ts';
import { awayOf, judge, starvation, type Witness } from './suspicion.ts';
import { WitnessBook } from './witnesses.ts';

const three = made(3);

/** A replica that hears its primary. */
const hearing: Witness = reporting({ isStreaming: true, silentMs: 400 });
/** One whose primary is gone. */
const alone: Witness = reporting({ isStreaming: false, silentMs: 900 });
const primary: Witness = { ...reporting(undefined), report: { ...report(), role: 'primary' } };
const unreachable: Witness = { agent: 'unreachable', agentForMs: 900 };
const unheard: Witness = { agent: 'unheard', agentForMs: 1_600 };

function report() {
  return { ...{ ageMs: 200, epoch: 1, isUp: true, downForMs: 0 }, role: 'replica' } as const;
}

function reporting(upstream: { isStreaming: boolean; silentMs: number } | undefined): Witness {
  return {
    agent: 'reachable',
    agentForMs: 60_000,
    report: { ...report(), ...(upstream === undefined ? {} : { upstream }) },
  };
}

function verdict(...witnesses: readonly (Witness | undefined)[]) {
  const heard = witnesses
    .map((witness, index) => [index + 1, witness] as const)
    .filter(([, witness]) => witness !== undefined);
  return judge(three, new Map(heard as [number, Witness][]));
}

test('a primary is gone when its agent does not answer and no voter hears it', (t) => {
  t.like(verdict(unreachable, alone, alone), { kind: 'gone', away: [1] });
  t.like(verdict(unheard, alone, alone), { kind: 'gone', away: [1] });
});

test('a region that only the gateway cannot see is left alone while replication flows', (t) => {
  t.is(verdict(unheard, hearing, hearing).kind, 'suspected');
  t.is(verdict(unheard, hearing, alone).kind, 'suspected', 'one of them is enough: commits may go on');
});

test('a primary that answers is trusted, though no replica hears it', (t) => {
  t.is(verdict(primary, alone, alone).kind, 'trusted');
});

test('an agent that is back at once, and a replica that connects anew, change nothing', (t) => {
  t.is(verdict({ ...unreachable, agentForMs: 500 }, alone, alone).kind, 'trusted');
  t.is(verdict(unreachable, reporting({ isStreaming: false, silentMs: 300 }), alone).kind, 'suspected');
});

test('it is the age of the last message that counts, not a connection that hangs', (t) => {
  const hanging = reporting({ isStreaming: true, silentMs: 2_600 });

  t.is(verdict(unheard, hanging, hanging).kind, 'gone');
  t.is(verdict(unheard, hanging, reporting({ isStreaming: true, silentMs: 2_400 })).kind, 'suspected');
});

test('when too few voters answer nobody is deposed, and it is said who is missing', (t) => {
  const stuck = verdict(unheard, unheard, alone);

  t.is(stuck.kind, 'stuck');
  t.regex('reason' in stuck ? stuck.reason : '', /member 2 \(south\)/);
  t.is(
    judge(
      made(2),
      new Map([
        [1, unreachable],
        [2, alone],
      ]),
    ).kind,
    'stuck',
    'two voters: no commit without both',
  );
});

test('one that was elected and cannot begin its epoch gives way to a new election, its own word included', (t) => {
  const elected = { ...three, epoch: 2, primary: 2, lastElected: { epoch: 2, ordinal: 2 } };
  const broken = { ...report(), role: 'primary', epoch: 2, isUp: false, downForMs: 9_000 } as const;
  const judged = (hasBegun: boolean, cluster = elected) =>
    judge(
      cluster,
      new Map<number, Witness>([
        [1, unreachable],
        [2, { ...primary, report: { ...broken, hasBegun } }],
        [3, { ...reporting(undefined), report: { ...report(), role: 'none', epoch: 2 } }],
      ]),
    );

  t.like(judged(false), { kind: 'gone', away: [1] });
  t.is(judged(true).kind, 'stuck', 'it waits for its voters, who may be copying from it');
  t.is(judged(false, { ...elected, opened: { epoch: 2, generation: 1 } }).kind, 'stuck', 'who has opened has begun');
});

test('an old report is no answer', (t) => {
  const old: Witness = { ...alone, report: { ...report(), ageMs: 3_000 } };

  t.is(verdict(unreachable, old, alone).kind, 'stuck');
});

test('a database that its agent does not bring up again is given up', (t) => {
  const down = (downForMs: number): Witness => ({
    ...primary,
    report: { ...report(), role: 'primary', isUp: false, downForMs },
  });

  t.is(verdict(down(7_900), alone, alone).kind, 'trusted');
  t.like(verdict(down(8_000), alone, alone), { kind: 'gone', away: [] });
  t.is(verdict(down(8_000), hearing, alone).kind, 'suspected');
});

test('a primary that only the bound keeps from acknowledging is left to wait for its voters', (t) => {
  const shut = (isWaiting: boolean): Witness => ({
    ...primary,
    report: { ...report(), role: 'primary', isUp: false, downForMs: 60_000, isGranted: isWaiting, isWaiting },
  });

  t.is(verdict(shut(true), alone, alone).kind, 'trusted');
  t.is(verdict(shut(false), alone, alone).kind, 'gone', 'its grantors have left it');
});

test('nothing is thought of a primary that a new leader has not had time to hear of, nor of none', (t) => {
  t.is(verdict({ ...unheard, agentForMs: 1_000 }, alone, alone).kind, 'trusted');
  t.is(verdict(undefined, alone, alone).kind, 'trusted');
  t.is(
    judge(
      failedOver(three, [1]),
      new Map([
        [1, unreachable],
        [2, alone],
        [3, alone],
      ]),
    ).kind,
    'trusted',
  );
});

test('a new primary that dies before anybody follows it is gone as well, but has time to start', (t) => {
  const promised = { ...reporting(undefined), report: { ...report(), role: 'none' } } as const;
  const elected = { ...three, epoch: 2, primary: 2, lastElected: { epoch: 2, ordinal: 2 } };
  const died: Witness = { ...unreachable, agentForMs: 5_000 };
  const judged = (one: Witness, two: Witness) =>
    judge(
      elected,
      new Map([
        [1, one],
        [2, two],
        [3, promised],
      ]),
    ).kind;

  t.is(judged(unreachable, died), 'stuck');
  t.is(judged(promised, died), 'gone');
  t.is(judged(promised, { ...died, agentForMs: 4_900 }), 'trusted');
});

test('a primary that cannot commit, though its voters have all that it wrote, is deposed on its own word', (t) => {
  const stalled = (downForMs: number, level: readonly number[]): Witness => ({
    ...reporting(undefined),
    report: { ...report(), role: 'primary', isUp: false, downForMs, level },
  });

  t.is(verdict(stalled(5_900, [2, 3]), hearing, hearing).kind, 'trusted', 'not for long enough');
  t.is(verdict(stalled(7_000, []), hearing, hearing).kind, 'trusted', 'it is the voters that are behind');
  t.like(verdict(stalled(7_000, [3]), hearing, hearing), { kind: 'gone', away: [] });
  t.is(verdict(stalled(7_000, [3]), undefined, hearing).kind, 'stuck', 'nobody could take its place');
});

test('a primary that cannot commit for want of voters goes on without them, where the tenant chose that', (t) => {
  const chosen = made(2);
  const two = { ...chosen, spec: { ...chosen.spec, durability: { mode: 'quorum', on_loss: 'degrade' } as const } };
  const starved = (downForMs: number, streaming: readonly number[]): Witness => ({
    ...reporting(undefined),
    report: { ...report(), role: 'primary', isUp: false, downForMs, streaming },
  });
  const of = (cluster: typeof two | typeof chosen, ...witnesses: Witness[]) =>
    starvation(cluster, new Map(witnesses.map((witness, index) => [index + 1, witness])));

  t.like(of(two, starved(4_500, []), unheard), { without: [2] });
  t.like(of(two, starved(4_500, []), hearing), { without: [2] }, 'also one that only the primary cannot see');
  t.is(of(chosen, starved(4_500, []), unheard), undefined, 'not unless it was asked for');
  t.is(of(two, starved(3_900, []), unheard), undefined, 'not at once');
  t.is(of(two, starved(4_500, [2]), unheard), undefined, 'it is not for want of voters');
  t.is(of(two, { ...primary }, unheard), undefined, 'it commits, whatever the gateway sees');
  t.is(of(two, { ...starved(4_500, []), agent: 'unreachable' }, unheard), undefined, 'nobody tells');
  const seen = { epoch: 1, generation: 1, without: [2], reason: '' };
  const degraded = after(two, { kind: 'cluster.degraded', clusterId: 'c', ...seen });
  t.is(of(degraded as typeof two, starved(9_000, []), unheard), undefined, 'it is decided already');
});

test('how long the database of one just elected was down before that is not held against it', (t) => {
  const book = new WitnessBook(0);
  const report = { epoch: 2, role: MemberRole.UNSPECIFIED, up: false, streams: [] };
  const observation = { memberId: 'c-2', agent: AgentState.REACHABLE, report } as unknown as MemberObservation;
  const elected = { ...three, epoch: 2, primary: 2 };

  book.hear('south', observation, 1_000);
  t.is(book.of(three, 20_000).get(2)?.report?.downForMs, 19_000);
  t.is(book.of(elected, 20_000).get(2)?.report?.downForMs, 0);
  t.is(book.of(elected, 29_000).get(2)?.report?.downForMs, 9_000, 'but it has to come up');
  t.is(book.of({ ...elected, epoch: 3 }, 30_000).get(2)?.report?.downForMs, 0);
});

test('of an arbiter of ours nobody waits to hear; an engine has one as a member like the others', (t) => {
  const wished = cluster(['voter', 'voter', 'arbiter']);
  const witnesses = new Map([[1, primary]]);
  const elected = carryOut(wished, first).end;
  t.deepEqual(awayOf(elected, witnesses), [2]);
  const engine = { datastore: { type: 'mariadb', version: '10.11' }, durability: { mode: 'engine' } } as const;
  const ruled = carryOut({ ...wished, spec: { ...wished.spec, ...engine } }, first).end;
  t.deepEqual(awayOf(ruled, witnesses), [2, 3]);
});
