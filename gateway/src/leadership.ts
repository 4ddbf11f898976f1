// What only the leader does: it listens to the regions and conducts the operations. Both begin when this peer leads and
// has applied all that was committed before, and end when it leads no more; another peer goes on from the same facts.
import { isDeepStrictEqual } from 'node:util';
import type { Clock, HeardMember, MeasuredWay, Orphan } from '@argosy/proto';
import { Conductor } from './conductor/conductor.ts';
import { Drills, type DrillsOptions } from './conductor/drills.ts';
import { Failures } from './conductor/failures.ts';
import { candidateSites, Observations, type ObservedRegion } from './conductor/observations.ts';
import type { RegionCommands, RegionWire } from './conductor/region-link.ts';
import type { Witnesses } from './conductor/suspicion.ts';
import { WitnessBook } from './conductor/witnesses.ts';
import type { CandidateSite, Network } from './placement/place.ts';
import type { Cluster } from './state/clusters.ts';
import type { Applied, Entry, EntryBody } from './state/entries.ts';
import type { Federation } from './state/federation.ts';
import { knownMembers } from './state/known-members.ts';
import type { LedRegion } from './state/regions.ts';

/** A repair waits until Heat has removed the stacks. */
const AUDIT_TIMEOUT_MS = 90_000;

export interface LeadershipOptions {
  readonly federation: Federation;
  /** Those of the configuration; others join and leave by entries. */
  readonly regions: readonly LedRegion[];
  /** The line to a region; it is closed when the leadership ends. */
  readonly link: (region: LedRegion) => RegionWire;
  readonly clock: Clock;
  readonly term: number;
  /** What drills need beside members; absent: none is led. */
  readonly drills?: Pick<DrillsOptions, 'disasters' | 'switchOver' | 'due'>;
  readonly newId: () => string;
  readonly propose: (entry: EntryBody) => Promise<Applied>;
  readonly log: (event: { readonly message: string; readonly [field: string]: unknown }) => void;
}

export class Leadership {
  readonly #options: Pick<LeadershipOptions, 'regions' | 'link'>;
  readonly #links = new Map<string, { readonly region: LedRegion; readonly wire: RegionWire }>();
  readonly #observations: Observations;
  readonly #conductor: Conductor;
  readonly #failures: Failures;
  readonly #drills: Drills | undefined;
  readonly #book: WitnessBook;
  readonly #clock: Clock;
  readonly #federation: Federation;
  readonly #ending = new AbortController();

  constructor(options: LeadershipOptions) {
    const { federation, clock, propose, log, term } = options;
    this.#federation = federation;
    this.#clock = clock;
    this.#book = new WitnessBook(clock.monotonicMs());
    const book = this.#book;
    this.#failures = new Failures({ federation, book, propose, newId: options.newId, clock, log });
    this.#options = options;
    const regions = this.#openLinks();
    const returned = (region: string): void => this.#conductor.regionReturned(region);
    this.#observations = new Observations({ federation, regions, propose, returned, book, clock, log });
    const regionOf = (name: string): RegionCommands | undefined => this.#links.get(name)?.wire;
    const leading = { federation, propose, clock, term, log, region: regionOf };
    this.#drills = options.drills && new Drills({ ...leading, ...options.drills });
    this.#conductor = new Conductor({
      federation,
      propose,
      region: regionOf,
      sites: (flavor) => this.sites(flavor),
      network: () => this.network(),
      clock,
      term,
      log: ({ message, operationId, clusterId, requestId, ...fields }) =>
        log({ message, operation_id: operationId, cluster_id: clusterId, request_id: requestId, ...fields }),
    });
  }

  start(): void {
    this.#drills?.start();
    this.#observations.start();
    this.#conductor.start();
    this.#failures.start();
  }

  stop(): void {
    this.#ending.abort();
    this.#drills?.stop();
    this.#failures.stop();
    this.#conductor.stop();
    this.#observations.stop();
    for (const { wire } of this.#links.values()) wire.close();
  }

  /** A line to each region that there is, and to no other. Answers how they are listened to. */
  #openLinks(): ObservedRegion[] {
    const led = this.#federation.ledRegions(this.#options.regions);
    for (const [name, { region, wire }] of [...this.#links]) {
      const wanted = led.find((other) => other.name === name);
      if (wanted !== undefined && isDeepStrictEqual(wanted.executors, region.executors)) continue;
      wire.close();
      this.#links.delete(name);
    }
    return led.map((region) => {
      const known = this.#links.get(region.name);
      const wire = known?.wire ?? this.#options.link(region);
      if (known === undefined) this.#links.set(region.name, { region, wire });
      const others = led.filter(({ name }) => name !== region.name);
      return { name: region.name, observe: (signal: AbortSignal) => wire.observe(signal, others) };
    });
  }

  /** To be called for every entry that was applied. */
  applied(entry: Entry): void {
    const clusterId = clusterOf(entry, this.#federation);
    if (clusterId !== undefined) this.#conductor.look(clusterId);
    this.#failures.applied(entry);
    if (entry.kind === 'region.added' || entry.kind === 'region.removed') this.#observations.follow(this.#openLinks());
  }

  sites(flavor: string): CandidateSite[] {
    return candidateSites(this.#federation.regions(), flavor);
  }

  network(): Network {
    return this.#observations.network();
  }

  /** What of a region nobody wishes, and what is missing there; and removes the stacks that are named. @throws grpc.ServiceError */
  async audit(region: string, remove: readonly string[]): Promise<readonly Orphan[] | undefined> {
    const wire = this.#links.get(region)?.wire;
    const request = { ...knownMembers(this.#federation, region), remove: [...remove] };
    return wire?.audit?.(request, { timeoutMs: AUDIT_TIMEOUT_MS, signal: this.#ending.signal });
  }

  /** As each region has measured its ways to the others. */
  ways(): MeasuredWay[] {
    return this.#observations.ways();
  }

  /** What is heard of the cluster's members now. */
  witnesses(cluster: Cluster): Witnesses {
    return this.#book.of(cluster, this.#clock.monotonicMs());
  }

  heard(clusterIds: readonly string[]): HeardMember[] {
    return this.#observations.heard(clusterIds);
  }
}

function clusterOf(entry: Entry, federation: Federation): string | undefined {
  if ('clusterId' in entry) return entry.clusterId;
  return 'operationId' in entry ? federation.operation(entry.operationId)?.clusterId : undefined;
}
