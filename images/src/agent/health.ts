// grpc.health.v1 for a server that serves for as long as it listens. The library for it reads and compiles its .proto file
// whenever a process starts, which is a tenth of what the start of an agent takes.
import { type HealthServer, ServingStatus } from '@argosy/proto';
import { status } from '@grpc/grpc-js';

/** Of a server with these services. https://grpc.io/docs/guides/health-checking/ */
export function healthOf(services: readonly string[]): HealthServer {
  const known = ['', ...services];
  const SERVING = { status: ServingStatus.SERVING };
  return {
    check: ({ request: { service } }, callback) => {
      if (known.includes(service)) callback(null, SERVING);
      else callback({ code: status.NOT_FOUND, details: `There is no service "${service}" here.` });
    },
    // Whoever watches is told once, and goes on watching.
    watch: (call) => {
      call.write(known.includes(call.request.service) ? SERVING : { status: ServingStatus.SERVICE_UNKNOWN });
    },
    list: (_call, callback) => callback(null, { statuses: Object.fromEntries(known.map((name) => [name, SERVING])) }),
  };
}
