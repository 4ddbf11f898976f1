// gRPC between simulated processes: unary calls and streams of answers, which fail as the real ones do when their way is
// cut or the other end dies. A command may come once more, long after its sender has gone.
import { EventEmitter } from 'node:events';
import type { ServiceError } from '@grpc/grpc-js';
import { Metadata, status } from '@grpc/grpc-js';
import type { Random, Timeline } from 'raft-ts/simulation';
import { type Network, Wire } from './network.ts';
import type { SimulatedProcess } from './process.ts';

/** A connection on which nothing comes back is given up after the keepalive: 10 s and 5 s more. */
const LATE_LIMIT_MS = 60_000;
const KEEPALIVE_MS = [10_000, 15_000] as const;

export class CallFailure extends Error implements ServiceError {
  readonly code: status;
  readonly details: string;
  readonly metadata = new Metadata();

  constructor(code: status, details: string) {
    super(`${code}: ${details}`);
    this.code = code;
    this.details = details;
  }
}

/** The handler's side of a unary call, as far as ours look at it. */
export class ServerCall<Request> extends EventEmitter {
  readonly request: Request;
  readonly #deadline: Date;

  constructor(request: Request, deadline: Date) {
    super();
    this.request = request;
    this.#deadline = deadline;
  }

  getDeadline(): Date {
    return this.#deadline;
  }
}

export type UnaryHandler = (
  call: never,
  callback: (error: Partial<ServiceError> | null, response?: unknown) => void,
) => void;
export type StreamHandler = (call: never) => void;

/** A process that serves, and its methods. */
export interface Server {
  readonly process: SimulatedProcess;
  readonly methods: Readonly<Record<string, unknown>>;
}

export interface CallHabits {
  /** How likely a command comes once more, and how late at most. */
  readonly repeatChance: number;
  readonly repeatWithinMs: number;
}

export interface CallWorld {
  readonly network: Network;
  readonly random: Random;
  readonly habits: CallHabits;
  trace(what: string): void;
  /** Told of every call that is begun. */
  began?(method: string, request: unknown): void;
}

export interface UnaryCall {
  readonly from: SimulatedProcess;
  /** Who serves there now. */
  readonly to: () => Server | undefined;
  readonly toPlace: string;
  readonly method: string;
  readonly request: unknown;
  readonly deadline: Date;
}

type Answer = (error: ServiceError | null, response: unknown) => void;

/** Begins a call; answers once. */
export function unary(world: CallWorld, call: UnaryCall, answer: Answer): { cancel(): void } {
  const { network, random, habits } = world;
  const { from, method, request, deadline } = call;
  world.began?.(method, request);
  let isOver = false;
  let wire: Wire | undefined;
  let serverCall: ServerCall<unknown> | undefined;
  const finish = (error: ServiceError | null, response?: unknown): void => {
    if (isOver) return;
    isOver = true;
    timer.cancel();
    wire?.close(0);
    answer(error, response);
  };
  const fail = (code: status, details: string): void => finish(new CallFailure(code, details));
  const leftMs = deadline.getTime() - from.clock.now().getTime();
  const timer = from.clock.after(leftMs, () => fail(status.DEADLINE_EXCEEDED, `${method} was not answered in time.`));
  const connect = (attempt: () => void): void => {
    network.timeline.after(network.latencyMs(from.place, call.toPlace), () => {
      const isThrough = network.isOpen(from.place, call.toPlace) && network.isOpen(call.toPlace, from.place);
      if (isThrough) from.deliver(attempt);
      else {
        const patienceMs = random.between(1_000, 3_000);
        network.timeline.after(patienceMs, () => from.deliver(() => fail(status.UNAVAILABLE, 'No connection.')));
      }
    });
  };
  connect(() => {
    if (isOver) return;
    const server = call.to();
    if (server === undefined || !server.process.isAlive) {
      fail(status.UNAVAILABLE, 'Connection refused.');
      return;
    }
    const near = { process: from, broken: () => fail(status.UNAVAILABLE, 'Connection dropped.') };
    const cancelled = (): void => {
      serverCall?.emit('cancelled');
    };
    const far = { process: server.process, broken: cancelled };
    const line = new Wire(network, near, far);
    wire = line;
    watchKeepalive(
      world,
      from,
      server.process,
      () => !isOver,
      () => fail(status.UNAVAILABLE, 'Keepalive timeout'),
    );
    line.send(0, () => {
      serverCall = new ServerCall(request, deadline);
      invoke(server, method, serverCall, (error, response) => line.send(1, () => finish(error, response)));
    });
    if (random.chance(habits.repeatChance)) {
      const lateMs = random.next() * habits.repeatWithinMs;
      network.timeline.after(lateMs, () => {
        const late = call.to();
        // What an executor was sent ends with it; an agent hears from executors that outlive it.
        if (late === undefined || (late !== server && late.process.name.startsWith('executor:'))) return;
        world.trace(`late ${method} at ${late.process.name}`);
        invokeLate(late, method, request, network.timeline);
      });
    }
  });
  return { cancel: () => fail(status.CANCELLED, 'Cancelled.') };
}

/** A request is handled once more, and nobody hears the answer. */
export function invokeLate(server: Server, method: string, request: unknown, timeline: Timeline): void {
  const deadline = new Date(server.process.clock.now().getTime() + LATE_LIMIT_MS);
  const call = new ServerCall(request, deadline);
  timeline.after(0, () => server.process.deliver(() => invoke(server, method, call, () => undefined)));
}

function invoke(server: Server, method: string, call: ServerCall<unknown>, answer: Answer): void {
  const handler = server.methods[method] as UnaryHandler;
  handler(call as never, (error, response) => {
    if (error === null) answer(null, response);
    else answer(new CallFailure(error.code ?? status.UNKNOWN, error.details ?? ''), undefined);
  });
}

/** Ends a connection on which nothing can come back. */
function watchKeepalive(
  { network, random }: CallWorld,
  from: SimulatedProcess,
  to: SimulatedProcess,
  isOpen: () => boolean,
  giveUp: () => void,
): void {
  let silentSinceMs: number | undefined;
  const patienceMs = random.between(...KEEPALIVE_MS);
  const look = (): void => {
    if (!isOpen() || !from.isAlive) return;
    const isThrough = network.isOpen(from.place, to.place) && network.isOpen(to.place, from.place) && !to.isPaused;
    if (isThrough) silentSinceMs = undefined;
    else silentSinceMs ??= network.timeline.nowMs;
    if (silentSinceMs !== undefined && network.timeline.nowMs - silentSinceMs > patienceMs) from.deliver(giveUp);
    else network.timeline.after(1_000, look);
  };
  network.timeline.after(1_000, look);
}

/** The caller's side of a stream of answers. */
export class ClientStream extends EventEmitter {
  #wire: Wire | undefined;
  #isOver = false;

  constructor(world: CallWorld, call: Omit<UnaryCall, 'request' | 'deadline'> & { readonly request: object }) {
    super();
    const { network, random } = world;
    const { from, method } = call;
    network.timeline.after(network.latencyMs(from.place, call.toPlace), () => {
      const server = call.to();
      const isThrough = network.isOpen(from.place, call.toPlace) && network.isOpen(call.toPlace, from.place);
      if (!isThrough) {
        network.timeline.after(random.between(1_000, 3_000), () => from.deliver(() => this.#fail('No connection.')));
        return;
      }
      from.deliver(() => {
        if (this.#isOver) return;
        if (server === undefined || !server.process.isAlive) {
          this.#fail('Connection refused.');
          return;
        }
        this.#connect(world, from, server, method, call.request);
      });
    });
  }

  cancel(): void {
    this.#isOver = true;
    this.#wire?.close(0);
  }

  #connect(world: CallWorld, from: SimulatedProcess, server: Server, method: string, request: object): void {
    const { network } = world;
    let stream: ServerStream | undefined;
    const near = { process: from, broken: () => this.#fail('Connection dropped.') };
    const far = { process: server.process, broken: () => stream?.emit('cancelled') };
    const wire = new Wire(network, near, far);
    this.#wire = wire;
    watchKeepalive(
      world,
      from,
      server.process,
      () => !this.#isOver,
      () => this.#fail('Keepalive timeout'),
    );
    wire.send(0, () => {
      stream = new ServerStream(request, (what) =>
        wire.send(1, () => {
          if (this.#isOver) return;
          if (what === END) {
            this.#isOver = true;
            this.emit('end');
          } else if (what instanceof CallFailure) this.#fail(what.details);
          else this.emit('data', what);
        }),
      );
      (server.methods[method] as StreamHandler)(stream as never);
    });
  }

  #fail(details: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#wire?.close(0);
    this.emit('error', new CallFailure(status.UNAVAILABLE, details));
  }
}

const END = Symbol('end');

/** The handler's side of a stream of answers. */
class ServerStream extends EventEmitter {
  readonly request: object;
  readonly #send: (what: unknown) => void;

  constructor(request: object, send: (what: unknown) => void) {
    super();
    this.request = request;
    this.#send = send;
  }

  write(message: unknown): boolean {
    this.#send(message);
    return true;
  }

  end(): void {
    this.#send(END);
  }

  destroy(error: Error): void {
    this.#send(new CallFailure(status.UNAVAILABLE, error.message));
  }
}
