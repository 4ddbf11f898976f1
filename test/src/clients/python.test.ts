import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { EngineError } from '@argosy/images';
import test from 'ava';
import { FederationUnderTest } from '../crash-matrix/local-federation.ts';
import { logIn } from '../crash-matrix/tenant.ts';
import { readFederation } from '../crash-matrix/victims.ts';
import { type Python, preparePython } from './python.ts';

const example = fileURLToPath(new URL('../../../docs/examples/orders.py', import.meta.url));

/** Undefined, with the reason, where there can be none. */
async function pythonOrReason(): Promise<{ readonly python?: Python; readonly reason?: string }> {
  try {
    return { python: await preparePython() };
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    return { reason: error.message };
  }
}

test('a Python client makes a cluster over gRPC, watches it become active, reads errors and deletes it', async (t) => {
  t.timeout(10 * 60_000);
  const { python, reason } = await pythonOrReason();
  if (python === undefined) {
    t.log(`skipped: ${reason}`);
    t.pass();
    return;
  }
  const modules = mkdtempSync(join(tmpdir(), 'argosy-modules-'));
  t.teardown(() => rmSync(modules, { recursive: true, force: true }));
  await python.generate(modules);
  const federation = await FederationUnderTest.start();
  t.teardown(() => federation.stop());
  // Any peer will do; this one may lead or not.
  const peer = readFederation(federation.home).peers.at(-1);
  const token = await logIn(federation.home);

  const environment = { ARGOSY_GRPC: peer?.grpc ?? '', OS_TOKEN: token };
  const { code, output } = await python.run([example, 'pythons'], environment, modules);
  t.log(output);
  t.is(code, 0);
  for (const line of [
    /^clusters: \['demo'\]$/m,
    /^plan: 11 steps in \['north', 'south', 'west'\]$/m,
    /^created: CLUSTER_STATUS_BUILD /m,
    /^ {2}\d+ operation\.started cluster\.create$/m,
    /^active: postgresql:\/\/.*target_session_attrs=read-write$/m,
    /^refused: ALREADY_EXISTS cluster\.name_taken \[\]: /m,
    /^refused: INVALID_ARGUMENT request\.invalid \['limit'\]: /m,
    /^refused: NOT_FOUND cluster\.not_found \[\]: /m,
    /^deleted: cluster\.delete$/m,
  ]) {
    t.regex(output, line);
  }
});
