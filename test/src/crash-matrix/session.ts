// Cells one after another on one federation: brings a cluster to where an operation can be asked for, arms a kill, asks,
// and looks at everything that must be so afterwards.
import { randomUUID } from 'node:crypto';
import { cellOf, type Kill, killsOf, nameOf } from './cells.ts';
import { type Fired, readFired, readTraces, takeArm, writeArm } from './control.ts';
import { writeRow } from './database.ts';
import { findLeftovers } from './leftovers.ts';
import type { FederationUnderTest } from './local-federation.ts';
import { type OperationUnderTest, operations } from './operations.ts';
import { type ClusterView, type Credentials, type OperationView, Tenant } from './tenant.ts';
import { waitUntil } from './waiting.ts';

const OPERATION_LIMIT_MS = 120_000;
const SETTLED_LIMIT_MS = 30_000;

export interface Result {
  readonly kill: Kill;
  readonly name: string;
  readonly cell: string;
  readonly outcome: 'ok' | 'failed' | 'missed';
  /** Why it failed, or that the armed point was not reached. */
  readonly reason: string;
  readonly seconds: number;
  readonly fired?: Fired | undefined;
}

/** What was asked, and what came of it. */
interface Run {
  readonly operationId: string | undefined;
  readonly startedAt: string;
}

export class Session {
  readonly #federation: FederationUnderTest;
  readonly #tenant: Tenant;
  #cluster: ClusterView | undefined;
  #credentials: Credentials | undefined;

  constructor(federation: FederationUnderTest) {
    this.#federation = federation;
    this.#tenant = new Tenant(federation.home);
  }

  /** Takes away the cluster that a new federation has. */
  async begin(): Promise<void> {
    this.#cluster = await this.#tenant.cluster('demo');
    await this.clear();
  }

  /** Runs the operation without a kill, and answers every kill that could be made in it. */
  async discover(operation: OperationUnderTest): Promise<Kill[]> {
    await this.#bringTo(operation);
    const { operationId, startedAt } = await this.#run(operation);
    const endedAt = new Date().toISOString();
    // Of microcloud and of an agent's disk it is not known which operation they work for: there is only one.
    const traces = readTraces(this.#federation.control).filter(({ operation: of, time }) =>
      of === undefined ? time >= startedAt && time <= endedAt : of === operationId,
    );
    return killsOf(operation.name, traces);
  }

  /** Makes all these kills in one run of their operation. */
  async kill(kills: readonly [Kill, ...Kill[]]): Promise<Result[]> {
    const begin = performance.now();
    const { control } = this.#federation;
    const arms = kills.map((kill) => ({ kill, id: randomUUID() }));
    const disarm = (): Set<string> => new Set(arms.map(({ id }) => id).filter((id) => takeArm(control, id)));
    const operation = operations.find(({ name }) => name === kills[0].operation);
    let reason = operation === undefined ? `There is no operation ${kills[0].operation}.` : '';
    let missed = new Set<string>();
    try {
      if (operation !== undefined) {
        await this.#allRegionsUp();
        await this.#bringTo(operation);
        await this.#federation.ready();
        await this.#allRegionsUp();
        const since = new Date().toISOString();
        for (const { kill, id } of arms) writeArm(control, { id, ...kill, since });
        await this.#run(operation);
        missed = disarm();
        await this.#federation.ready();
      }
    } catch (error) {
      missed = disarm();
      reason = await this.#explain(error as Error);
    }
    const seconds = (performance.now() - begin) / 1_000;
    return arms.map(({ kill, id }): Result => {
      const outcome = reason !== '' ? 'failed' : missed.has(id) ? 'missed' : 'ok';
      const fired = readFired(control, id);
      return { kill, name: nameOf(kill), cell: cellOf(kill), outcome, reason, seconds, fired };
    });
  }

  /** Deletes the cluster that is there. @throws Error when something of it stays. */
  async clear(): Promise<void> {
    const remove = operations.find(({ name }) => name === 'delete');
    if (this.#cluster !== undefined && remove !== undefined) await this.#run(remove);
  }

  /** A region that is away has nowhere for a new member: what is asked next would rightly be refused. */
  async #allRegionsUp(): Promise<void> {
    let away: string[] = [];
    await waitUntil(
      'all regions are heard',
      SETTLED_LIMIT_MS,
      async () => {
        const { body } = await this.#tenant.ask('GET', '/v2/regions');
        const { regions } = body as { regions: { name: string; status: string }[] };
        away = regions.filter(({ status }) => status !== 'UP').map(({ name }) => name);
        return away.length === 0;
      },
      () => `Not heard: ${away.join(', ')}.`,
    );
  }

  async #bringTo({ needs }: OperationUnderTest): Promise<void> {
    if (needs === 'nothing') {
      await this.clear();
      return;
    }
    if (this.#cluster === undefined) await this.#runByName('create');
    const voters = this.#cluster?.members.filter(({ kind }) => kind === 'voter').length;
    if (voters !== needs) await this.#runByName(needs === 5 ? 'grow' : 'shrink');
  }

  async #runByName(wished: string): Promise<void> {
    const operation = operations.find(({ name }) => name === wished);
    if (operation !== undefined) await this.#run(operation);
  }

  /** @throws Error when the world is not as it must be afterwards. */
  async #run(operation: OperationUnderTest): Promise<Run> {
    const before = this.#cluster;
    const startedAt = new Date().toISOString();
    const accepted = await operation.start(this.#tenant, before);
    this.#cluster = accepted?.cluster ?? before;
    // A password is told once: an answer that was lost with its peer took the new one along.
    this.#credentials = accepted?.credentials ?? (operation.isNewPassword ? undefined : this.#credentials);
    const operationId = accepted?.operation.id;
    const ended = operationId === undefined ? undefined : await this.#untilDone(operationId);
    if (this.#cluster === undefined) throw new Error('There is no cluster.');
    const { id } = this.#cluster;
    const after = await this.#untilSettled(id, operation.name === 'delete');
    this.#cluster = after;
    // After a failover the primary is whoever it found best, not who was asked for.
    const isReplaced = operation.name === 'switchover' && ended?.kind === 'cluster.failover';
    const complaint = isReplaced ? undefined : operation.complaint(after, before);
    if (complaint !== undefined) throw new Error(complaint);
    await this.#nothingLeftOver(after);
    if (after === undefined) this.#credentials = undefined;
    else await this.#write(after);
    return { operationId, startedAt };
  }

  /** The operation, or the failover that took its place and led to what it wished. */
  async #untilDone(operationId: string): Promise<OperationView | undefined> {
    let followed = operationId;
    let view: OperationView | undefined;
    await waitUntil(
      'the operation ends',
      OPERATION_LIMIT_MS,
      async () => {
        view = await this.#tenant.operation(followed);
        if (view.superseded_by === null) return view.status !== 'RUNNING';
        followed = view.superseded_by;
        return false;
      },
      () => describe(view),
    );
    if (view?.status !== 'DONE') throw new Error(`The operation did not end DONE: ${describe(view)}`);
    return view;
  }

  async #untilSettled(id: string, isGone: boolean): Promise<ClusterView | undefined> {
    let view: ClusterView | undefined;
    await waitUntil(
      isGone ? 'the cluster is gone' : 'the cluster is ACTIVE',
      SETTLED_LIMIT_MS,
      async () => {
        view = await this.#tenant.cluster(id);
        return isGone ? view === undefined : view?.status === 'ACTIVE';
      },
      () => `It is ${JSON.stringify({ status: view?.status, members: view?.members })}.`,
    );
    return view;
  }

  async #nothingLeftOver(cluster: ClusterView | undefined): Promise<void> {
    let found: string[] = [];
    await waitUntil(
      'nothing is there twice, too much or missing',
      SETTLED_LIMIT_MS,
      () => {
        found = findLeftovers(this.#federation.home, cluster?.members ?? []);
        return found.length === 0;
      },
      () => found.join('; '),
    );
  }

  async #write(cluster: ClusterView): Promise<void> {
    if (this.#credentials === undefined) {
      // The password was told by a peer that was killed before its answer was out.
      const accepted = await this.#tenant.change('POST', `/v2/clusters/${cluster.id}/credentials`, {});
      if (accepted !== undefined) await this.#untilDone(accepted.operation.id);
      this.#credentials = accepted?.credentials;
    }
    if (this.#credentials === undefined) throw new Error('No password was told.');
    await writeRow(this.#federation.home, cluster, this.#credentials);
  }

  async #explain(error: Error): Promise<string> {
    if (this.#cluster === undefined) return error.message;
    const view = await this.#tenant.cluster(this.#cluster.id).catch(() => undefined);
    if (view === undefined) return error.message;
    const operation = await this.#tenant.operation(view.operation_id).catch(() => undefined);
    return `${error.message} (cluster ${view.id} is ${view.status}; ${describe(operation)})`;
  }
}

function describe(operation: OperationView | undefined): string {
  if (operation === undefined) return 'its operation is not known';
  const open = operation.steps.filter(({ status, error }) => status !== 'DONE' || error !== null);
  const steps = open.map(
    ({ kind, member, status, attempts, error }) =>
      `${kind} ${member?.slice(-2)} ${status} after ${attempts}${error === null ? '' : `: ${error}`}`,
  );
  return `operation ${operation.id} is ${operation.status} (${JSON.stringify(operation.error)}); ${steps.join('; ')}`;
}
