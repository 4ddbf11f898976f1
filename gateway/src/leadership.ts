// What only the leader does: it listens to the regions and conducts the operations. Both begin when this peer leads and
// has applied all that was committed before, and end when it leads no more; another peer goes on from the same facts.
import type { Clock, HeardMember } from '@argosy/proto';
import { Conductor } from './conductor/conductor.ts';
import { Drills, type DrillsOptions } from './conductor/drills.ts';
import { Failures } from './conductor/failures.ts';
import { candidateSites, Observations } from './conductor/observations.ts';
import type { RegionCommands, RegionWire } from './conductor/region-link.ts';
import type { Witnesses } from './conductor/suspicion.ts';
import { WitnessBook } from './conductor/witnesses.ts';
import type { CandidateSite, Network } from './placement/place.ts';
import type { Cluster } from './state/clusters.ts';
import type { Applied, Entry, EntryBody } from './state/entries.ts';
import type { Federation } from './state/federation.ts';

export interface LedRegion {
  readonly name: string;
  /** `address:port` of each. */
  readonly executors: readonly string[];
}

export interface LeadershipOptions {
  readonly federation: Federation;
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
  readonly #links: ReadonlyMap<string, RegionWire>;
  readonly #observations: Observations;
  readonly #conductor: Conductor;
  readonly #failures: Failures;
  readonly #drills: Drills | undefined;
  readonly #book: WitnessBook;
  readonly #clock: Clock;
  readonly #federation: Federation;

  constructor(options: LeadershipOptions) {
    const { federation, clock, propose, log, term } = options;
    this.#federation = federation;
    this.#clock = clock;
    this.#book = new WitnessBook(clock.monotonicMs());
    const book = this.#book;
    this.#failures = new Failures({ federation, book, propose, newId: options.newId, clock, log });
    this.#links = new Map(options.regions.map((region) => [region.name, options.link(region)]));
    const regions = [...this.#links].map(([name, link]) => ({
      name,
      observe: (signal: AbortSignal) => link.observe(signal),
    }));
    const returned = (region: string): void => this.#conductor.regionReturned(region);
    this.#observations = new Observations({ federation, regions, propose, returned, book, clock, log });
    const regionOf = (name: string): RegionCommands | undefined => this.#links.get(name);
    const leading = { federation, propose, clock, term, log, region: regionOf };
    this.#drills = options.drills && new Drills({ ...leading, ...options.drills });
    this.#conductor = new Conductor({
      federation,
      propose,
      region: regionOf,
      sites: (flavor) => this.sites(flavor),
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
    this.#drills?.stop();
    this.#failures.stop();
    this.#conductor.stop();
    this.#observations.stop();
    for (const link of this.#links.values()) link.close();
  }

  /** To be called for every entry that was applied. */
  applied(entry: Entry): void {
    const clusterId = clusterOf(entry, this.#federation);
    if (clusterId !== undefined) this.#conductor.look(clusterId);
    this.#failures.applied(entry);
  }

  sites(flavor: string): CandidateSite[] {
    return candidateSites(this.#federation.regions(), flavor);
  }

  network(): Network {
    return this.#observations.network();
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
