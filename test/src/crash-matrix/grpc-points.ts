// The points of commands over gRPC: before one is sent and when its answer has come; before one is executed, and after
// that, before its answer is sent. (After the answer was sent is when the other side has it.)
import { createRequire } from 'node:module';
import { AgentServiceClient, ExecutorServiceClient } from '@argosy/proto';
import type { Place } from './control.ts';

type Callback = (error: unknown, ...answer: unknown[]) => void;
type Unary = (call: { readonly request: unknown }, callback: Callback) => void;
type Method = (this: unknown, ...parameters: unknown[]) => unknown;

/** As much of grpc-js as is patched. */
interface Grpc {
  readonly Server: { readonly prototype: { register: Method } };
}

/** A client class as it is generated, and what it is generated from. */
interface ClientClass {
  readonly prototype: object;
  readonly service: Readonly<
    Record<string, { readonly path: string; readonly requestStream: boolean; readonly responseStream: boolean }>
  >;
}

/** A command as its messages tell it. */
export interface Command extends Place {
  readonly step: string;
  /** Of the rpc, when the step has several. */
  readonly suffix: string;
}

/** Calls back before a command is sent, and when it has been answered without an error. */
export function watchCommandsSent(notice: (moment: 'sending' | 'answered', command: Command) => void): void {
  for (const { prototype, service } of [ExecutorServiceClient, AgentServiceClient] as readonly ClientClass[]) {
    const methods = prototype as Record<string, Method>;
    for (const [name, { path, requestStream, responseStream }] of Object.entries(service)) {
      const original = methods[name];
      if (original === undefined || requestStream || responseStream) continue;
      methods[name] = function send(...parameters) {
        const command = commandOf(path, parameters[0]);
        const last = parameters.length - 1;
        const callback = parameters[last] as Callback;
        if (command === undefined) return original.apply(this, parameters);
        notice('sending', command);
        parameters[last] = (error: unknown, ...answer: unknown[]) => {
          if (error === null) notice('answered', command);
          callback(error, ...answer);
        };
        return original.apply(this, parameters);
      };
    }
  }
}

/** Calls back before a command is executed, and when it has been, before its answer goes out. */
export function watchCommandsReceived(notice: (moment: 'received' | 'executed', command: Command) => void): void {
  // The very module that the process itself uses.
  const { prototype } = (createRequire(process.argv[1] ?? '')('@grpc/grpc-js') as Grpc).Server;
  const original = prototype.register;
  prototype.register = function register(name, handler, serialize, deserialize, type) {
    const handle = handler as Unary;
    const watched: Unary = (call, callback) => {
      const command = commandOf(String(name), call.request);
      if (command === undefined) return handle(call, callback);
      notice('received', command);
      return handle(call, (error, ...answer) => {
        if (error === null) notice('executed', command);
        callback(error, ...answer);
      });
    };
    return original.call(this, name, type === 'unary' ? watched : handler, serialize, deserialize, type);
  };
}

interface Request {
  readonly header?: { readonly idempotencyKey?: string };
  readonly command?: { readonly value?: { readonly header?: { readonly idempotencyKey?: string } } };
}

/** The idempotency key says it all: `operation/kind/ordinal.../member`. */
function commandOf(path: string, request: unknown): Command | undefined {
  const method = path.slice(path.lastIndexOf('/') + 1);
  // These come while a member is made, and carry no header.
  if (method === 'Enrol' || method === 'InstallCertificate') {
    return { step: 'ensure_member', suffix: `-${method.toLowerCase()}` };
  }
  const { header, command } = request as Request;
  const key = (header ?? command?.value?.header)?.idempotencyKey;
  if (key === undefined) return undefined;
  const [operation = '', step = '', ordinal] = key.split('/');
  return { operation, step, ordinal: Number(ordinal), suffix: '' };
}
