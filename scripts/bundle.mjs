// The agent as one file, for a guest to boot: it starts in half the time, and with nothing else to install beside Node.
import { copyFileSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildSync } from 'esbuild';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const folder = join(root, 'images/dist/bundle');
const HEALTH_PROTO = 'proto/health/v1/health.proto';

/** Bundles what the compiler made of the agent. @throws Error when something of it is not found */
export function bundleAgent() {
  const healthCheck = join(root, 'node_modules/grpc-health-check');
  buildSync({
    entryPoints: [join(root, 'images/dist/agent/main.js')],
    // grpc-health-check looks for its .proto file two folders above its own.
    outfile: join(folder, 'agent/lib/agent.cjs'),
    bundle: true,
    platform: 'node',
    target: 'node20',
    keepNames: true,
    minifyWhitespace: true,
    legalComments: 'linked',
    logLevel: 'error',
    // pg looks whether it runs in a worker of Cloudflare's by making a `Response`, which loads all of Node's `fetch`.
    define: { Response: 'undefined' },
  });
  mkdirSync(dirname(join(folder, HEALTH_PROTO)), { recursive: true });
  copyFileSync(join(healthCheck, HEALTH_PROTO), join(folder, HEALTH_PROTO));
}
