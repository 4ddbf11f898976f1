// A run of random faults against a real federation with a writer. After each one is healed the cluster must become whole,
// and the member that takes writes must have every write that was acknowledged, once, and each epoch only one writer.
import { type NetworkControl, networkControl } from '@argosy/gateway';
import { clusterOf } from '../continuity/clusters.ts';
import { Guests } from '../continuity/guests.ts';
import { outsideClient } from '../continuity/outside-client.ts';
import type { RetryingClient } from '../continuity/retrying-client.ts';
import { FederationUnderTest } from '../crash-matrix/local-federation.ts';
import { type ClusterView, Tenant } from '../crash-matrix/tenant.ts';
import { readFederation } from '../crash-matrix/victims.ts';
import { waitUntil } from '../crash-matrix/waiting.ts';
import { seeded } from '../seeded.ts';
import { delayKinds, type FaultKind, type FaultScene, faultKinds, pick } from './kinds.ts';
import type { FaultOptions } from './options.ts';
import { type Returns, returnsOf, type ToldEvent } from './returns.ts';
import { SmallDisks } from './small-disks.ts';

const HELD_MS = [500, 8_000] as const;
const WHOLE_LIMIT_MS = 300_000;
/** Of faults that come in the middle of a change, and of those that come in pairs. */
const AMID_CHANGE = 0.35;
const IN_PAIRS = 0.2;
const BEFORE_FAULT_MS = 600;
/** The second of a pair comes within this time, amid what the first brings about. */
const BETWEEN_PAIR_MS = 3_000;
const REGIONS = ['north', 'south', 'west'];
const EVENTS = 1_000;
const NAME = 'demo';

export interface FaultsResult {
  readonly faults: number;
  readonly acknowledged: number;
  readonly epochs: number;
  readonly longestPauseMs: number;
  readonly returns: Returns;
  /** In sentences; none: all was well. */
  readonly violations: readonly string[];
}

export async function runFaults(options: FaultOptions, say: (line: string) => void): Promise<FaultsResult> {
  const disks = options.hasDisks ? new SmallDisks() : undefined;
  const federation = await FederationUnderTest.start(
    ['--requests-per-second', '10000', ...(options.isNetworked ? ['--netns'] : [])],
    undefined,
    disks && ((home) => disks.mount(home, REGIONS)),
  );
  let isWell = false;
  try {
    const run = await Run.begin({ federation, disks }, options, say);
    const result = await run.toItsEnd();
    isWell = result.violations.length === 0;
    return result;
  } finally {
    await federation.stop(options.keeps || !isWell);
  }
}

interface Place {
  readonly federation: FederationUnderTest;
  readonly disks: SmallDisks | undefined;
}

class Run {
  readonly #place: Place;
  readonly #options: FaultOptions;
  readonly #say: (line: string) => void;
  readonly #tenant: Tenant;
  readonly #client: RetryingClient;
  readonly #network: NetworkControl | undefined;
  readonly #chance: () => number;
  readonly #violations: string[] = [];
  readonly #events: ToldEvent[] = [];
  #longestPauseMs = 0;

  private constructor(
    place: Place,
    options: FaultOptions,
    say: (line: string) => void,
    parts: { readonly tenant: Tenant; readonly client: RetryingClient },
  ) {
    this.#place = place;
    this.#options = options;
    this.#say = say;
    this.#tenant = parts.tenant;
    this.#client = parts.client;
    const control = readFederation(place.federation.home).network?.control;
    this.#network = control === undefined ? undefined : networkControl(control);
    this.#chance = seeded(options.seed);
  }

  static async begin(place: Place, options: FaultOptions, say: (line: string) => void): Promise<Run> {
    const { federation } = place;
    const tenant = new Tenant(federation.home);
    const accepted = await tenant.change('POST', `/v2/clusters/${NAME}/credentials`, {});
    if (accepted?.credentials === undefined) throw new Error('No password was told.');
    const client = outsideClient(federation.home, await clusterOf(tenant, NAME), accepted.credentials);
    return new Run(place, options, say, { tenant, client });
  }

  async toItsEnd(): Promise<FaultsResult> {
    const begin = performance.now();
    let faults = 0;
    let epochs = 0;
    const isOver = (): boolean => faults >= this.#options.count || performance.now() - begin >= this.#options.limitMs;
    try {
      while (!isOver() && this.#violations.length === 0) {
        faults += 1;
        epochs = await this.#round(faults);
      }
    } catch (error) {
      this.#violations.push(String((error as Error).message));
    }
    await this.#client.end();
    const { acknowledged } = this.#client;
    return {
      ...{ faults, acknowledged, epochs, longestPauseMs: this.#longestPauseMs, violations: this.#violations },
      returns: returnsOf(this.#events),
    };
  }

  /** One fault, or two with a short time between. Answers the epoch after it. */
  async #round(number: number): Promise<number> {
    const cluster = await this.#whole();
    const begin = performance.now();
    const isAmid = this.#chance() < AMID_CHANGE && !this.#options.isOnlySlow;
    const change = isAmid ? await this.#beginChange(cluster) : undefined;
    const isPair = this.#chance() < IN_PAIRS && !this.#options.isOnlySlow;
    const kinds = [this.#kind(), ...(isPair ? [this.#kind()] : [])];
    const heldMs = HELD_MS[0] + (HELD_MS[1] - HELD_MS[0]) * this.#chance();
    const struck: string[] = [];
    const heals: (() => Promise<void> | void)[] = [];
    for (const [index, kind] of kinds.entries()) {
      if (index > 0) await pause(this.#chance() * BETWEEN_PAIR_MS);
      const { what, heal } = await kind.make(await this.#scene(cluster));
      struck.push(`${kind.name} (${what})`);
      heals.push(heal);
    }
    await pause(heldMs);
    for (const heal of heals.reverse()) await heal();
    const healedMs = performance.now();
    const after = await this.#whole();
    await this.#endChange(change);
    const pauseMs = this.#client.longestPauseMs(begin);
    this.#longestPauseMs = Math.max(this.#longestPauseMs, pauseMs);
    await this.#check();
    await this.#listen(cluster.id);
    if (this.#options.isOnlySlow && after.epoch !== cluster.epoch) {
      this.#violations.push(`A primary was deposed for slow links: epoch ${cluster.epoch} to ${after.epoch}.`);
    }
    const amid = change === undefined ? '' : ` amid a ${change.name}`;
    this.#say(
      `${number} ${struck.join(' and ')}${amid}, for ${Math.round(heldMs)} ms: pause ${pauseMs} ms, whole after ` +
        `${Math.round(performance.now() - healedMs)} ms, epoch ${cluster.epoch} to ${after.epoch}`,
    );
    return after.epoch;
  }

  #kind(): FaultKind {
    const { only, isOnlySlow } = this.#options;
    const there = { network: this.#network, disks: this.#place.disks };
    const possible = (isOnlySlow ? delayKinds : faultKinds).filter(
      ({ name, needs }) =>
        (needs === undefined || there[needs] !== undefined) && (only === undefined || only.includes(name)),
    );
    const kind = pick(possible, this.#chance);
    if (kind === undefined) throw new Error('None of these faults can be made here.');
    return kind;
  }

  async #scene(cluster: ClusterView): Promise<FaultScene> {
    const { home } = this.#place.federation;
    return {
      ...{ home, guests: new Guests(home), members: cluster.members, leader: await leaderOf(home) },
      ...{ network: this.#network, disks: this.#place.disks, chance: this.#chance },
    };
  }

  /** A switchover, or a cluster that is made. */
  async #beginChange(cluster: ClusterView): Promise<{ readonly name: string; readonly id?: string }> {
    if (this.#chance() < 0.5) {
      const to = pick(
        cluster.members.filter(({ role }) => role !== 'primary'),
        this.#chance,
      )?.id;
      await this.#tenant.change('POST', `/v2/clusters/${NAME}/switchover`, { to });
      await pause(this.#chance() * BEFORE_FAULT_MS);
      return { name: 'switchover' };
    }
    const wish = { name: `made-${Math.round(performance.now())}`, datastore: { type: 'postgresql' } };
    const made = await this.#tenant.change('POST', '/v2/clusters', { cluster: { ...wish, topology: { voters: 3 } } });
    await pause(this.#chance() * BEFORE_FAULT_MS * 5);
    return { name: 'create', ...(made === undefined ? {} : { id: made.cluster.id }) };
  }

  /** A cluster that was made ends well or is cleaned up; then it is removed. */
  async #endChange(change: { readonly id?: string } | undefined): Promise<void> {
    const id = change?.id;
    if (id === undefined) return;
    const removal = await this.#tenant.change('DELETE', `/v2/clusters/${id}`);
    if (removal === undefined) return;
    const isGone = async (): Promise<boolean> => (await this.#tenant.cluster(id)) === undefined;
    await waitUntil('the cluster that was made is gone', WHOLE_LIMIT_MS, isGone);
  }

  async #check(): Promise<void> {
    const { lost, doubled, shared } = await this.#client.check();
    if (lost.length > 0) this.#violations.push(`Acknowledged writes are lost: ${lost.slice(0, 10).join(', ')}.`);
    if (doubled.length > 0) this.#violations.push(`Writes are there twice: ${doubled.slice(0, 10).join(', ')}.`);
    if (shared.length > 0)
      this.#violations.push(`Two members have completed commits in timeline ${shared.join(', ')}.`);
  }

  /** To what the cluster has told since. */
  async #listen(id: string): Promise<void> {
    const after = this.#events.at(-1)?.id ?? 0;
    const { body } = await this.#tenant.ask('GET', `/v2/events?cluster=${id}&after=${after}&limit=${EVENTS}`);
    this.#events.push(...(body as { events: ToldEvent[] }).events);
  }

  async #whole(): Promise<ClusterView> {
    await this.#place.federation.ready();
    let last: ClusterView | undefined;
    const isWhole = async (): Promise<boolean> => {
      last = await this.#tenant.cluster(NAME);
      return last?.status === 'ACTIVE' && last.members.every(({ status }) => status === 'UP');
    };
    await waitUntil(`${NAME} is whole`, WHOLE_LIMIT_MS, isWhole, () => JSON.stringify(last));
    if (last === undefined) throw new Error('unreachable');
    const since = performance.now();
    await waitUntil('a write is acknowledged', WHOLE_LIMIT_MS, () => this.#client.lastMs > since);
    return last;
  }
}

/** As any peer says it. */
async function leaderOf(home: string): Promise<number | undefined> {
  for (const { rest } of readFederation(home).peers) {
    const answer = await fetch(`${rest}/readyz`, { signal: AbortSignal.timeout(2_000) }).catch(() => undefined);
    const text = (await answer?.text().catch(() => undefined)) ?? '';
    const id = /Peer (\d+) leads/.exec(text)?.[1];
    if (id !== undefined) return Number(id);
  }
  return undefined;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
