// The leader's line to one region: commands go down to an executor, what the executor sees comes up. A region may have
// several executors; they keep no state, so any that answers will do.

import {
  type AuditRequest,
  type Clock,
  type CommandMemberRequest,
  type CommandMemberResponse,
  type Credentials,
  callUnary,
  channelCredentials,
  channelOptions,
  type EnsureMemberRequest,
  type EnsureMemberResponse,
  ExecutorServiceClient,
  type ObserveResponse,
  type Orphan,
  type RemoveMemberRequest,
  serverName,
} from '@argosy/proto';
import * as grpc from '@grpc/grpc-js';
import type { FailureClass } from '../state/operations.ts';
import type { LedRegion } from '../state/regions.ts';

/** How long a command may take before its caller gives up on it and, later, repeats it. */
export interface CommandOptions {
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

export interface RegionLinkOptions {
  readonly federation: string;
  readonly region: string;
  /** `address:port` of each executor. */
  readonly executors: readonly string[];
  readonly credentials: Credentials;
  readonly clock: Clock;
}

/** What the conductor needs of a region; a simulated one is its sibling. */
export interface RegionCommands {
  ensureMember(request: EnsureMemberRequest, options: CommandOptions): Promise<EnsureMemberResponse>;
  removeMember(request: RemoveMemberRequest, options: CommandOptions): Promise<void>;
  commandMember(request: CommandMemberRequest, options: CommandOptions): Promise<CommandMemberResponse>;
}

/** The leader's line to a region. */
export interface RegionWire extends RegionCommands {
  /**
   * What one executor sees, from a full listing on, until the stream breaks or the signal aborts. It is told of the others,
   * and measures the way to them. @throws grpc.ServiceError
   */
  observe(signal: AbortSignal, others?: readonly LedRegion[]): AsyncIterable<ObserveResponse>;
  /** What of the region nobody wishes, and what is missing. Absent: it cannot be asked. */
  audit?(request: AuditRequest, options: CommandOptions): Promise<readonly Orphan[]>;
  close(): void;
}

export class RegionLink implements RegionWire {
  readonly #clock: Clock;
  readonly #clients: ExecutorServiceClient[];
  #preferred = 0;

  constructor(options: RegionLinkOptions) {
    const name = serverName({ kind: 'executor', federation: options.federation, region: options.region });
    const credentials = channelCredentials(options.credentials);
    this.#clock = options.clock;
    this.#clients = options.executors.map(
      (address) => new ExecutorServiceClient(address, credentials, channelOptions(name)),
    );
  }

  ensureMember(request: EnsureMemberRequest, options: CommandOptions): Promise<EnsureMemberResponse> {
    return this.#call((client) => callUnary(client.ensureMember.bind(client), request, this.#limits(options)));
  }

  async removeMember(request: RemoveMemberRequest, options: CommandOptions): Promise<void> {
    await this.#call((client) => callUnary(client.removeMember.bind(client), request, this.#limits(options)));
  }

  commandMember(request: CommandMemberRequest, options: CommandOptions): Promise<CommandMemberResponse> {
    return this.#call((client) => callUnary(client.commandMember.bind(client), request, this.#limits(options)));
  }

  async audit(request: AuditRequest, options: CommandOptions): Promise<readonly Orphan[]> {
    const audit = (client: ExecutorServiceClient) =>
      callUnary(client.audit.bind(client), request, this.#limits(options));
    return (await this.#call(audit)).orphans;
  }

  async *observe(signal: AbortSignal, others: readonly LedRegion[] = []): AsyncGenerator<ObserveResponse> {
    const peers = others.map(({ name, executors }) => ({ region: name, executors: [...executors] }));
    const call = this.#client().observe({ peers });
    const cancel = (): void => call.cancel();
    signal.addEventListener('abort', cancel, { once: true });
    try {
      for await (const response of call) yield response as ObserveResponse;
    } catch (error) {
      this.#preferNext();
      throw error;
    } finally {
      signal.removeEventListener('abort', cancel);
      call.cancel();
    }
  }

  close(): void {
    for (const client of this.#clients) client.close();
  }

  async #call<Response>(call: (client: ExecutorServiceClient) => Promise<Response>): Promise<Response> {
    try {
      return await call(this.#client());
    } catch (error) {
      if ((error as Partial<grpc.ServiceError>).code === grpc.status.UNAVAILABLE) this.#preferNext();
      throw error;
    }
  }

  #client(): ExecutorServiceClient {
    const client = this.#clients[this.#preferred];
    if (client === undefined) throw new Error('The region has no executor.');
    return client;
  }

  #preferNext(): void {
    this.#preferred = (this.#preferred + 1) % this.#clients.length;
  }

  #limits({ timeoutMs, signal }: CommandOptions): { deadline: Date; signal: AbortSignal } {
    return { deadline: new Date(this.#clock.now().getTime() + timeoutMs), signal };
  }
}

/** What shall be done about a command's failure; the meaning of the codes stands in executor.proto. */
export function failureClass(error: unknown): FailureClass {
  switch ((error as Partial<grpc.ServiceError>).code) {
    case grpc.status.RESOURCE_EXHAUSTED:
      return 'elsewhere';
    case grpc.status.INVALID_ARGUMENT:
    case grpc.status.FAILED_PRECONDITION:
    case grpc.status.UNIMPLEMENTED:
    case grpc.status.PERMISSION_DENIED:
    case grpc.status.NOT_FOUND:
      return 'never';
    default:
      return 'retry';
  }
}

/** A command's failure as a sentence for the operation. */
export function failureMessage(error: unknown): string {
  const { details, message } = error as Partial<grpc.ServiceError>;
  return details !== undefined && details !== '' ? details : (message ?? String(error));
}
