// Around every call: its id, what ends it, its error, its line in the log and in the metrics.
import * as grpc from '@grpc/grpc-js';
import { type AnsweringOptions, explainError, requestIdOf } from '../rest/answering.ts';
import type { Caller } from '../rest/callers.ts';
import { errorBody } from '../rest/errors.ts';
import type { RpcMeasure } from '../rest/metrics.ts';
import type { RouteResponse } from '../rest/route.ts';
import type { Messages } from './messages.ts';
import type { Method } from './methods.ts';
import { statusOf } from './statuses.ts';

const REQUEST_ID = 'x-openstack-request-id';

export interface ExchangeOptions extends AnsweringOptions {
  readonly monotonicMs: () => number;
  readonly now: () => Date;
  readonly measure: (call: RpcMeasure) => void;
}

/** What calls of every kind have. */
export type AnyCall = Pick<
  grpc.ServerUnaryCall<unknown, unknown>,
  'metadata' | 'cancelled' | 'getDeadline' | 'sendMetadata' | 'once'
>;

export class Exchange {
  readonly requestId: string;
  readonly onCaller = (caller: Caller): void => {
    this.#caller = caller;
  };
  readonly #method: Method;
  readonly #call: AnyCall;
  readonly #messages: Messages;
  readonly #options: ExchangeOptions;
  readonly #gone = new AbortController();
  readonly #beganMs: number;
  #caller: Caller | undefined;
  #code: grpc.status = grpc.status.OK;

  constructor(method: Method, call: AnyCall, messages: Messages, options: ExchangeOptions) {
    this.#method = method;
    this.#call = call;
    this.#messages = messages;
    this.#options = options;
    this.#beganMs = options.monotonicMs();
    this.requestId = requestIdOf(call.metadata.get(REQUEST_ID)[0]?.toString(), options);
    if (call.cancelled) this.#gone.abort();
    call.once('cancelled', () => this.#gone.abort());
    const metadata = new grpc.Metadata();
    metadata.set(REQUEST_ID, this.requestId);
    call.sendMetadata(metadata);
  }

  /** Aborted when the client has gone or its deadline has passed. */
  get signal(): AbortSignal {
    return this.#gone.signal;
  }

  /** Does the work; what it throws is told, unless nobody waits for it any more. */
  async end(work: () => Promise<void>, tell: (status: grpc.StatusObject) => void): Promise<void> {
    try {
      await work();
      if (this.signal.aborted) this.#code = this.#whyGone();
    } catch (error) {
      if (this.signal.aborted) this.#code = this.#whyGone();
      else tell(this.#explain(error));
    }
    this.#log();
  }

  /** The status of an answer that is an error, as a leader's can be that this peer has asked. */
  refusal(response: RouteResponse): grpc.StatusObject | undefined {
    if (response.status < 400) return undefined;
    const status = statusOf(response, this.#messages);
    this.#code = status.code;
    return status;
  }

  #explain(error: unknown): grpc.StatusObject {
    const known = explainError(error, this.requestId, this.#options);
    const body = errorBody(known, this.requestId);
    const status = statusOf({ status: known.status, headers: known.headers, body }, this.#messages);
    this.#code = status.code;
    return status;
  }

  /** gRPC ends a call itself when its deadline passes. */
  #whyGone(): grpc.status {
    const isLate = Number(this.#call.getDeadline()) <= this.#options.now().getTime();
    return isLate ? grpc.status.DEADLINE_EXCEEDED : grpc.status.CANCELLED;
  }

  #log(): void {
    const { path, route } = this.#method;
    const code = grpc.status[this.#code] ?? 'UNKNOWN';
    const ms = this.#options.monotonicMs() - this.#beganMs;
    this.#options.measure({ method: path.slice(1), code, seconds: ms / 1_000 });
    this.#options.log({
      ...{ message: 'request', request_id: this.requestId, rpc: path.slice(1), route: route.name, code },
      ms: Math.round(ms),
      ...(this.#caller === undefined ? {} : { project_id: this.#caller.projectId, user_id: this.#caller.userId }),
    });
  }
}
