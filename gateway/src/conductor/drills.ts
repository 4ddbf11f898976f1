// Leads the drills that run, on the Raft leader alone. What is next follows from the replicated state (planning/drill.ts);
// here it is asked how the writer does, and the disaster is made. Every act may be made again by the next leader.
import { type Clock, MemberKind, type Peer, type RehearseRequest, type Timer, type WriterReport } from '@argosy/proto';
import { type DrillMove, MAX_SWITCHOVERS, nextMove, victimsOf } from '../planning/drill.ts';
import { type Cluster, type Member, memberId, memberOf, wantedMembers } from '../state/clusters.ts';
import { type Drill, isRunning, type WriterFound } from '../state/drills.ts';
import type { Applied, EntryBody } from '../state/entries.ts';
import type { Federation } from '../state/federation.ts';
import { hasEnded } from '../state/operations.ts';
import type { Disasters } from './disasters.ts';
import type { RegionCommands } from './region-link.ts';

const LOOK_MS = 250;
/** While a disaster is made nothing else is waited for. */
const STRIKE_LOOK_MS = 20;
const ANSWER_MS = 2_000;
const COUNT_MS = 90_000;
/** Whoever does not answer so often is dead already. */
const CRASH_TRIES = 3;
const MAX_TOLD = 100;
const TOLD = /^(primary\.|failover\.|cluster\.failover|member|members\.seen|region\.)/;

export interface DrillsOptions {
  readonly federation: Federation;
  readonly propose: (entry: EntryBody) => Promise<Applied>;
  readonly region: (name: string) => RegionCommands | undefined;
  readonly disasters: Disasters | undefined;
  /** The switchover of a drill, as a tenant would ask for it. @throws Error when it cannot be */
  readonly switchOver: (drill: Drill, cluster: Cluster, to: string | undefined) => EntryBody;
  /** The next run of a schedule that is due. */
  readonly due: (schedule: Drill) => EntryBody;
  readonly clock: Clock;
  readonly term: number;
  readonly log: (event: { readonly message: string; readonly [field: string]: unknown }) => void;
}

export class Drills {
  readonly #options: DrillsOptions;
  readonly #abort = new AbortController();
  readonly #atWork = new Set<string>();
  /** Members that have died, or do not answer, by drill. */
  readonly #struck = new Map<string, Map<string, number>>();
  #timer: Timer | undefined;

  constructor(options: DrillsOptions) {
    this.#options = options;
  }

  start(): void {
    this.#tick();
  }

  stop(): void {
    this.#abort.abort();
    this.#timer?.cancel();
  }

  #tick(): void {
    if (this.#abort.signal.aborted) return;
    const drills = this.#options.federation.drills();
    const running = drills.filter(isRunning);
    const due = drills.filter((drill) => this.#isDue(drill));
    for (const drill of due) if (!this.#atWork.has(drill.id)) void this.#beginRun(drill);
    for (const drill of running) if (!this.#atWork.has(drill.id)) void this.#look(drill);
    const isStriking = running.some(({ phase }) => phase === 'striking');
    this.#timer = this.#options.clock.after(isStriking ? STRIKE_LOOK_MS : LOOK_MS, () => this.#tick());
  }

  async #look(drill: Drill): Promise<void> {
    this.#atWork.add(drill.id);
    let move: DrillMove | undefined;
    try {
      move = await this.#nextMove(drill);
      if (move !== undefined) await this.#move(drill, move);
    } catch (error) {
      if (!this.#abort.signal.aborted) {
        this.#options.log({ message: 'drill not led on', drill: drill.id, phase: drill.phase, error: String(error) });
      }
    }
    this.#atWork.delete(drill.id);
    const next = this.#options.federation.drill(drill.id);
    // Nobody waits between a decision and the disaster.
    if (move !== undefined && next !== undefined && next.phase !== drill.phase && isRunning(next))
      void this.#look(next);
  }

  #isDue({ status, schedule }: Drill): boolean {
    const nowMs = this.#options.clock.now().getTime();
    return status === 'SCHEDULED' && schedule !== undefined && Date.parse(schedule.nextAt) <= nowMs;
  }

  async #beginRun(schedule: Drill): Promise<void> {
    this.#atWork.add(schedule.id);
    const { propose, due, log } = this.#options;
    await propose(due(schedule)).catch((error: unknown) => log({ message: 'drill not begun', error: String(error) }));
    this.#atWork.delete(schedule.id);
  }

  async #nextMove(drill: Drill): Promise<DrillMove | undefined> {
    const { federation, clock } = this.#options;
    const cluster = federation.cluster(drill.spec.clusterId);
    const found = cluster === undefined ? undefined : await this.#ask(drill, cluster);
    const isStruck = cluster !== undefined && drill.phase === 'striking' && (await this.#strike(drill, cluster));
    const isReleased = drill.phase !== 'healing' || (await this.#heal(drill, cluster));
    const hasLeft = cluster !== undefined && drill.phase === 'leaving' && (await this.#leave(drill, cluster));
    const move = nextMove(drill, {
      cluster: federation.cluster(drill.spec.clusterId),
      nowMs: clock.now().getTime(),
      areRegionsUp: (cluster?.members ?? []).every(({ region }) => federation.region(region)?.status === 'UP'),
      operation: cluster && federation.operation(federation.cluster(cluster.id)?.operationId ?? ''),
      ...{ isStruck, isReleased, hasLeft },
      found: found ?? drill.found,
      told: drill.phase === 'leaving' ? this.#told(drill) : [],
    });
    // What the writer has told is kept at each move, should it never be heard again.
    return move === undefined || found === undefined ? move : { ...move, change: { found, ...move.change } };
  }

  async #move(drill: Drill, { change, moments }: DrillMove): Promise<void> {
    const { refused } = await this.#options.propose({
      ...{ kind: 'drill.advanced', drillId: drill.id, phase: drill.phase, change, moments },
    });
    this.#options.log({ message: 'drill moves', drill: drill.id, phase: change.phase ?? drill.phase, refused });
    if (change.status !== undefined) this.#struck.delete(drill.id);
  }

  /** How the writer does. Undefined: it does not answer now, which says nothing. */
  async #ask(drill: Drill, cluster: Cluster): Promise<WriterFound | undefined> {
    if (drill.phase === 'leaving' || drill.phase === 'striking') return undefined;
    const members = membersOf(cluster);
    const isCount = drill.phase === 'counting';
    const part = isCount
      ? ({ $case: 'count', value: { members } } as const)
      : ({ $case: 'write', value: { members } } as const);
    const writer = await this.#rehearse(drill, cluster, drill.writer, {
      part,
      timeoutMs: isCount ? COUNT_MS : ANSWER_MS,
    })
      .then((answer) => answer?.writer)
      .catch(() => undefined);
    return writer && foundBy(writer, this.#options.clock.now().getTime());
  }

  /** True when the disaster is made. */
  async #strike(drill: Drill, cluster: Cluster): Promise<boolean> {
    const { spec } = drill;
    if (spec.kind === 'switchover') return await this.#switchOver(drill, cluster, spec.to);
    const clusters = spec.scope === 'region' ? this.#options.federation.clusters() : [cluster];
    const crashes = clusters.flatMap((each) =>
      victimsOf(drill, each).map((ordinal) => this.#crash(drill, each, ordinal)),
    );
    const done = await Promise.allSettled(crashes);
    if (!done.every((result) => result.status === 'fulfilled' && result.value)) return false;
    return await this.#beginOutage(drill);
  }

  async #crash(drill: Drill, cluster: Cluster, ordinal: number): Promise<boolean> {
    const id = memberId(cluster.id, ordinal);
    const tries = this.#struck.get(drill.id) ?? new Map<string, number>();
    this.#struck.set(drill.id, tries);
    const before = tries.get(id) ?? 0;
    if (before >= CRASH_TRIES || memberOf(cluster, ordinal)?.facts.address === undefined) return true;
    const forMs = this.#leftMs(drill);
    const part = { $case: 'crash', value: { forMs } } as const;
    const answer = await this.#rehearse(drill, cluster, ordinal, { part, timeoutMs: ANSWER_MS }).catch(() => undefined);
    tries.set(id, answer === undefined ? before + 1 : CRASH_TRIES);
    return answer !== undefined;
  }

  async #beginOutage(drill: Drill): Promise<boolean> {
    const { spec } = drill;
    const isWide = spec.kind === 'control-plane-loss' || (spec.kind === 'region-outage' && spec.scope !== 'members');
    if (!isWide) return true;
    const { disasters, federation } = this.#options;
    if (spec.scope === 'cut') {
      await disasters?.cut(drill.id, spec.region ?? '', this.#leftMs(drill));
      return true;
    }
    const all = federation.regions().map(({ name }) => name);
    await disasters?.begin({
      id: drill.id,
      regions: spec.region === undefined ? all : [spec.region],
      kinds: spec.kind === 'control-plane-loss' ? ['gateway', 'executor'] : ['gateway', 'executor', 'cloud'],
      forMs: this.#leftMs(drill),
    });
    return true;
  }

  /** True when nothing is held back any more. What is broken off is healed at once, as far as it can be. */
  async #heal(drill: Drill, cluster: Cluster | undefined): Promise<boolean> {
    const { spec, strike, before } = drill;
    if (spec.kind === 'switchover') {
      const isElsewhere = cluster !== undefined && cluster.primary !== before.primary;
      if (!isElsewhere || drill.operations.length >= MAX_SWITCHOVERS) return true;
      return await this.#switchOver(drill, cluster, memberId(cluster.id, before.primary));
    }
    if (strike === undefined) return true;
    if (drill.abort !== undefined) await this.#options.disasters?.end(drill.id).catch(() => undefined);
    return this.#leftMs(drill) === 0;
  }

  /** True when it has been asked for, and so was noted in the drill. */
  async #switchOver(drill: Drill, cluster: Cluster, to: string | undefined): Promise<boolean> {
    const { federation, propose, switchOver } = this.#options;
    const current = federation.operation(cluster.operationId);
    const isStriking = drill.phase === 'striking';
    // One that was asked for by a leader who could not note it any more is known by what it does.
    const isAskedFor = drill.operations.length > 0 || cluster.primary !== drill.before.primary;
    if (isStriking && isAskedFor) return true;
    if (current !== undefined && !hasEnded(current)) return false;
    const entry = switchOver(drill, cluster, to);
    const { refused } = await propose(entry);
    if (refused !== undefined || !('operationId' in entry)) return false;
    const operations = [...drill.operations, entry.operationId];
    await this.#move(drill, { change: { operations }, moments: [] });
    return false;
  }

  /** True when table and journal are removed. */
  async #leave(drill: Drill, cluster: Cluster): Promise<boolean> {
    const part = { $case: 'leave', value: { members: membersOf(cluster) } } as const;
    return await this.#rehearse(drill, cluster, drill.writer, { part, timeoutMs: ANSWER_MS }).then(
      () => true,
      () => false,
    );
  }

  async #rehearse(
    drill: Drill,
    cluster: Cluster,
    ordinal: number,
    { part, timeoutMs }: { readonly part: RehearseRequest['part']; readonly timeoutMs: number },
  ) {
    const member = memberOf(cluster, ordinal);
    const region = member && this.#options.region(member.region);
    if (region === undefined) throw new Error(`The cluster has no member ${ordinal}.`);
    const header = {
      ...{ clusterId: cluster.id, memberId: memberId(cluster.id, ordinal), epoch: cluster.epoch, generation: 0 },
      ...{ specRevision: cluster.revision, term: this.#options.term, requestId: drill.requestId },
      idempotencyKey: `${drill.id}/${part?.$case}`,
    };
    const value = { header, drillId: drill.id, part };
    const options = { timeoutMs, signal: this.#abort.signal };
    const { answer } = await region.commandMember({ command: { $case: 'rehearse', value } }, options);
    return answer?.$case === 'rehearse' ? answer.value : undefined;
  }

  #leftMs({ strike }: Drill): number {
    return Math.max(0, Date.parse(strike?.until ?? '') - this.#options.clock.now().getTime());
  }

  /** What was told of the cluster and its regions while the drill ran. */
  #told(drill: Drill) {
    return this.#options.federation
      .eventsAfter(0)
      .filter(({ at, kind, clusterId }) => at >= drill.createdAt && TOLD.test(kind) && isOf(clusterId, drill))
      .slice(0, MAX_TOLD)
      .map(({ at, kind, message }) => ({ at, kind, message }));
  }
}

function isOf(clusterId: string | undefined, { spec }: Drill): boolean {
  return clusterId === undefined || clusterId === spec.clusterId;
}

/** Whom the writer may find writable. */
function membersOf(cluster: Cluster): Peer[] {
  return wantedMembers(cluster)
    .filter(({ kind, facts }) => kind !== 'arbiter' && facts.address !== undefined)
    .map(({ ordinal, facts }: Member) => ({
      ...{ memberId: memberId(cluster.id, ordinal), kind: MemberKind.VOTER, address: facts.address ?? '' },
      ...{ port: facts.port ?? 0, serverName: facts.serverName ?? '' },
    }));
}

/** Ages become times of our own clock: the writer's need not agree with it. */
function foundBy(report: WriterReport, nowMs: number): WriterFound {
  const { acknowledged, unanswered, silentMs, pauses, detail, count } = report;
  return {
    ...{ acknowledged, unanswered, detail },
    ...(silentMs === undefined ? {} : { lastAt: new Date(nowMs - silentMs).toISOString() }),
    pauses: pauses.map(({ begunMsAgo, lastedMs }) => ({ from: new Date(nowMs - begunMsAgo).toISOString(), lastedMs })),
    ...(count === undefined ? {} : { count: { lost: count.lost, doubled: count.doubled, lostMs: count.lostMs } }),
  };
}
