// Keeps one stream of reports from one agent, and says when there is none and why. One observer serves all watchers.

import { AgentState, type Clock, type MemberReport, type Timer } from '@argosy/proto';
import type { ClientReadableStream } from '@grpc/grpc-js';
import type { AgentLinks } from './agent-links.ts';
import type { Location } from './member-stack.ts';

const RECONNECT_MS = 500;
/** An agent reports at every probe, about once a second: one that is silent for this long is not reached. */
const SILENCE_MS = 6_000;

export interface AgentView {
  readonly state: AgentState;
  readonly report: MemberReport | undefined;
  readonly detail: string;
}

type ReportStream = ClientReadableStream<{ report: MemberReport | undefined }>;

export class AgentObserver {
  readonly location: Location;
  readonly #links: AgentLinks;
  readonly #clock: Clock;
  readonly #onView: (view: AgentView) => void;
  #stream: ReportStream | undefined;
  #timer: Timer | undefined;
  #isClosed = false;

  constructor(
    location: Location,
    world: { readonly links: AgentLinks; readonly clock: Clock },
    onView: (view: AgentView) => void,
  ) {
    this.location = location;
    this.#links = world.links;
    this.#clock = world.clock;
    this.#onView = onView;
    this.#open();
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
    this.#stream?.cancel();
  }

  #open(): void {
    if (this.#isClosed) return;
    const stream = this.#links.client(this.location).observe({});
    this.#stream = stream;
    this.#awaitReport('it has not reported');
    stream.on('data', ({ report }: { report: MemberReport | undefined }) => {
      if (this.#isClosed || this.#stream !== stream || report === undefined) return;
      this.#awaitReport('it has stopped to report');
      this.#onView({ state: AgentState.REACHABLE, report, detail: '' });
    });
    stream.on('error', (error: Error & { details?: string }) => this.#lose(stream, error.details ?? error.message));
    stream.on('end', () => this.#lose(stream, 'it has ended its report'));
  }

  #awaitReport(otherwise: string): void {
    this.#timer?.cancel();
    const stream = this.#stream;
    this.#timer = this.#clock.after(SILENCE_MS, () => {
      stream?.cancel();
      this.#lose(stream, otherwise);
    });
  }

  #lose(stream: ReportStream | undefined, why: string): void {
    if (this.#isClosed || this.#stream !== stream || stream === undefined) return;
    this.#stream = undefined;
    this.#timer?.cancel();
    // Only what an agent that answers has said is a report; an old one would be taken for news.
    this.#onView({ state: AgentState.UNREACHABLE, report: undefined, detail: `The agent does not answer: ${why}.` });
    this.#timer = this.#clock.after(RECONNECT_MS, () => this.#open());
  }
}
