// What a peer counts, in Prometheus' text format. What it counts of clusters and operations is the replicated state, so
// every peer says the same of it; requests, watchers and failed steps are its own.
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { MetricFamily } from 'raft-ts';
import { z } from 'zod';
import type { Federation } from '../state/federation.ts';
import { clusterStatus } from './cluster-view.ts';
import type { OpenPage } from './route.ts';

const DURATION_BUCKETS_SECONDS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

export interface MetricsOptions {
  readonly federation: Federation;
  readonly watchers: () => number;
  /** Empty until the log is open. */
  readonly raft: () => readonly MetricFamily[];
}

export interface RequestMeasure {
  readonly route: string;
  readonly method: string;
  readonly status: number;
  readonly seconds: number;
}

/** A call of the clients' gRPC API. */
export interface RpcMeasure {
  /** `package.Service/Method` */
  readonly method: string;
  readonly code: string;
  readonly seconds: number;
}

export class Metrics {
  readonly #registry = new Registry();
  readonly #raft: MetricsOptions['raft'];
  readonly #requests: Counter<'route' | 'method' | 'status'>;
  readonly #durations: Histogram<'route' | 'method'>;
  readonly #calls: Counter<'method' | 'code'>;
  readonly #callDurations: Histogram<'method'>;
  readonly #failures: Counter<'kind' | 'class'>;

  constructor(options: MetricsOptions) {
    const registers = [this.#registry];
    this.#requests = new Counter({
      ...{ name: 'argosy_http_requests_total', help: 'Requests that were answered.', registers },
      labelNames: ['route', 'method', 'status'],
    });
    this.#durations = new Histogram({
      ...{ name: 'argosy_http_request_duration_seconds', help: 'From the request to the answer.', registers },
      labelNames: ['route', 'method'],
      buckets: DURATION_BUCKETS_SECONDS,
    });
    this.#calls = new Counter({
      ...{ name: 'argosy_grpc_requests_total', help: 'Calls of clients that have ended.', registers },
      labelNames: ['method', 'code'],
    });
    this.#callDurations = new Histogram({
      ...{ name: 'argosy_grpc_request_duration_seconds', help: 'From the call to its end.', registers },
      labelNames: ['method'],
      buckets: DURATION_BUCKETS_SECONDS,
    });
    this.#failures = new Counter({
      ...{ name: 'argosy_steps_failed_total', help: 'Failures of steps that this peer saw as the leader.', registers },
      labelNames: ['kind', 'class'],
    });
    measureFederation(options, this.#registry);
    this.#raft = options.raft;
  }

  requestEnded({ route, method, status, seconds }: RequestMeasure): void {
    this.#requests.inc({ route, method, status: String(status) });
    this.#durations.observe({ route, method }, seconds);
  }

  callEnded({ method, code, seconds }: RpcMeasure): void {
    this.#calls.inc({ method, code });
    this.#callDurations.observe({ method }, seconds);
  }

  stepFailed(kind: string, failureClass: string): void {
    this.#failures.inc({ kind, class: failureClass });
  }

  async text(): Promise<string> {
    return `${await this.#registry.metrics()}${raftText(this.#raft())}`;
  }

  page(): OpenPage {
    return {
      path: '/metrics',
      summary: "This peer's metrics, as Prometheus reads them",
      mediaType: 'text/plain; version=0.0.4; charset=utf-8',
      answers: { 200: z.string() },
      handle: async () => ({ status: 200, content: await this.text() }),
    };
  }
}

function measureFederation({ federation, watchers }: MetricsOptions, registry: Registry): void {
  gauge(registry, 'argosy_clusters', 'Clusters, by status.', ['status'], () =>
    count(federation.clusters().map((cluster) => ({ status: clusterStatus(cluster, federation) }))),
  );
  gauge(registry, 'argosy_operations', 'Operations that are remembered.', ['kind', 'status'], () =>
    count(federation.operations().map(({ kind, status }) => ({ kind, status }))),
  );
  gauge(registry, 'argosy_drills', 'Drills that are remembered.', ['kind', 'status', 'verdict'], () =>
    count(
      federation
        .drills()
        .map(({ spec, status, report }) => ({ kind: spec.kind, status, verdict: report?.verdict ?? '' })),
    ),
  );
  gauge(registry, 'argosy_drill_rto_seconds', 'The pause of the newest drill of each kind.', ['cluster', 'kind'], () =>
    newestPauses(federation),
  );
  gauge(registry, 'argosy_region_up', '1 while the region answers.', ['region'], () =>
    federation.regions().map(({ name, status }) => ({ labels: { region: name }, value: status === 'UP' ? 1 : 0 })),
  );
  gauge(registry, 'argosy_event_watchers', 'Clients that watch events at this peer.', [], () => [
    { labels: {}, value: watchers() },
  ]);
}

/** Of each cluster and kind. */
function newestPauses(federation: Federation): { labels: Record<string, string>; value: number }[] {
  const newest = new Map<string, { labels: Record<string, string>; value: number }>();
  for (const { spec, report } of federation.drills()) {
    if (typeof report?.rtoMs !== 'number') continue;
    const labels = { cluster: spec.clusterId, kind: spec.kind };
    newest.set(`${spec.clusterId} ${spec.kind}`, { labels, value: report.rtoMs / 1_000 });
  }
  return [...newest.values()];
}

/** What raft-ts counts itself, under our name. Nothing in it needs to be escaped: labels are numbers. */
function raftText(families: readonly MetricFamily[]): string {
  const lines = families.flatMap(({ name, help, type, samples }) => {
    const own = `argosy_${name}`;
    const values = samples.map(({ suffix, labels, value }) => {
      const inBraces = Object.entries(labels).map(([label, text]) => `${label}="${text}"`);
      return `${own}${suffix}${inBraces.length > 0 ? `{${inBraces.join(',')}}` : ''} ${value}`;
    });
    return [`# HELP ${own} ${help}`, `# TYPE ${own} ${type}`, ...values];
  });
  return lines.map((line) => `${line}\n`).join('');
}

interface Sample {
  readonly labels: Record<string, string>;
  readonly value: number;
}

/** A number that is read when it is asked for, and that nobody has to keep up to date. */
function gauge(registry: Registry, name: string, help: string, labelNames: string[], read: () => Sample[]): void {
  new Gauge({
    ...{ name, help, labelNames, registers: [registry] },
    collect() {
      this.reset();
      for (const { labels, value } of read()) this.set(labels, value);
    },
  });
}

function count(labels: readonly Record<string, string>[]): Sample[] {
  const samples = new Map<string, Sample>();
  for (const each of labels) {
    const key = JSON.stringify(each);
    samples.set(key, { labels: each, value: (samples.get(key)?.value ?? 0) + 1 });
  }
  return [...samples.values()];
}
