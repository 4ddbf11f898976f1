// What the executor counts, in Prometheus' text format: few names, few labels, nothing that grows with the members.
import type { Fetch } from '../openstack/http.ts';

type Labels = Readonly<Record<string, string>>;

/** Seconds. */
const BUCKETS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20];
const MS_PER_SECOND = 1_000;

interface Histogram {
  readonly counts: number[];
  sum: number;
  count: number;
}

export class Metrics {
  readonly #requests = new Map<string, number>();
  readonly #calls = new Map<string, number>();
  readonly #durations = new Map<string, Histogram>();
  #pushedEvents = 0;

  /** One command of a gateway, by its gRPC status. */
  request(method: string, code: string): void {
    increase(this.#requests, text({ method, code }));
  }

  /** One request to Keystone or Heat: its HTTP status, or `unanswered`. */
  call(service: string, outcome: string, seconds: number): void {
    increase(this.#calls, text({ service, outcome }));
    const key = text({ service });
    const histogram = this.#durations.get(key) ?? { counts: BUCKETS.map(() => 0), sum: 0, count: 0 };
    this.#durations.set(key, histogram);
    for (const [index, bound] of BUCKETS.entries()) {
      if (seconds <= bound) histogram.counts[index] = (histogram.counts[index] ?? 0) + 1;
    }
    histogram.sum += seconds;
    histogram.count += 1;
  }

  /** So many events that Heat has told of by itself. */
  pushed(count: number): void {
    this.#pushedEvents += count;
  }

  /** Everything, with these gauges: each a name, what it is, and its values by labels. */
  render(gauges: readonly { name: string; help: string; values: readonly (readonly [Labels, number])[] }[]): string {
    const block = (name: string, type: string, help: string, lines: readonly string[]): string[] => [
      `# HELP ${name} ${help}`,
      `# TYPE ${name} ${type}`,
      ...lines,
    ];
    const counter = (name: string, help: string, values: ReadonlyMap<string, number>): string[] =>
      block(
        name,
        'counter',
        help,
        [...values].map(([labels, value]) => `${name}{${labels}} ${value}`),
      );
    return `${[
      ...counter('argosy_executor_requests_total', 'Commands of the gateway, by gRPC status.', this.#requests),
      ...counter('argosy_openstack_requests_total', 'Requests to OpenStack, by outcome.', this.#calls),
      ...block('argosy_heat_events_pushed_total', 'counter', 'Events that Heat has told of by itself.', [
        `argosy_heat_events_pushed_total ${this.#pushedEvents}`,
      ]),
      ...block(
        'argosy_openstack_request_seconds',
        'histogram',
        'How long requests to OpenStack took.',
        [...this.#durations].flatMap(([labels, histogram]) => histogramLines(labels, histogram)),
      ),
      ...gauges.flatMap(({ name, help, values }) =>
        block(
          name,
          'gauge',
          help,
          values.map(([labels, value]) => `${name}{${text(labels)}} ${value}`),
        ),
      ),
    ].join('\n')}\n`;
  }
}

/** The same fetch, counted. */
export function countedFetch(fetch: Fetch, metrics: Metrics, serviceOf: (url: string) => string): Fetch {
  return async (request) => {
    const began = performance.now();
    let outcome = 'unanswered';
    try {
      const answer = await fetch(request);
      outcome = String(answer.status);
      return answer;
    } finally {
      metrics.call(serviceOf(request.url), outcome, (performance.now() - began) / MS_PER_SECOND);
    }
  };
}

function histogramLines(labels: string, { counts, sum, count }: Histogram): string[] {
  const name = 'argosy_openstack_request_seconds';
  return [
    ...BUCKETS.map((bound, index) => `${name}_bucket{${labels},le="${bound}"} ${counts[index]}`),
    `${name}_bucket{${labels},le="+Inf"} ${count}`,
    `${name}_sum{${labels}} ${sum.toFixed(3)}`,
    `${name}_count{${labels}} ${count}`,
  ];
}

function text(labels: Labels): string {
  return Object.entries(labels)
    .map(
      ([name, value]) => `${name}="${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`,
    )
    .join(',');
}

function increase(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
