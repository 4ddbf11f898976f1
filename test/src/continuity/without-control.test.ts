// Databases do not need the control plane: with every gateway peer and every executor gone they take writes and
// replicate, and when those are back nothing that is healthy is restarted or moved.
import test from 'ava';
import { FederationUnderTest } from '../crash-matrix/local-federation.ts';
import { type ClusterView, type Credentials, Tenant } from '../crash-matrix/tenant.ts';
import { findGuests, readFederation } from '../crash-matrix/victims.ts';
import { waitUntil } from '../crash-matrix/waiting.ts';
import { whole } from './clusters.ts';
import { Writer } from './writer.ts';

const NAME = 'demo';
const TEST_LIMIT_MS = 480_000;
const LIMIT_MS = 120_000;
/** Longer than anybody waits before thinking somebody gone. */
const DARK_MS = 10_000;

test('with every gateway and executor gone databases take writes, and their return disturbs nothing', async (t) => {
  t.timeout(TEST_LIMIT_MS);
  const federation = await FederationUnderTest.start();
  t.teardown(() => federation.stop(!t.passed));
  const { home } = federation;
  const tenant = new Tenant(home);
  const accepted = await tenant.change('POST', `/v2/clusters/${NAME}/credentials`, {});
  const before = await whole(tenant, NAME, { limitMs: LIMIT_MS });
  const writer = new Writer(home, before.endpoints.read_write ?? '', accepted?.credentials as Credentials);
  t.teardown(() => writer.end());
  await waitUntil('writes are acknowledged', LIMIT_MS, () => writer.acknowledged.length > 20);
  const databases = processes(home);
  const [{ peers, regions }, darkMs] = [readFederation(home), performance.now()];
  const control = [...peers, ...regions].flatMap(({ pid }) => pid ?? []);

  // Stopped where they stand they answer nobody, and nobody starts them again; after that they are killed.
  for (const pid of control) process.kill(pid, 'SIGSTOP');
  await new Promise<void>((resolve) => setTimeout(resolve, DARK_MS));
  const isWritten = (): boolean => (writer.acknowledged.at(-1)?.atMs ?? 0) > darkMs + DARK_MS;
  await waitUntil('writes are acknowledged in the dark', LIMIT_MS, isWritten);
  const written = writer.acknowledged.filter(({ atMs }) => atMs > darkMs).length;
  for (const pid of control) process.kill(pid, 'SIGKILL');
  const after = await whole(tenant, NAME, { limitMs: LIMIT_MS });

  t.log(
    `${written} writes in ${DARK_MS} ms without a control plane; longest pause ${writer.longestPauseMs(darkMs)} ms`,
  );
  t.is(after.epoch, before.epoch);
  t.deepEqual(processes(home), databases, 'no database was restarted');
  t.deepEqual(placesOf(after), placesOf(before), 'none was moved');
  t.deepEqual(await writer.missing(), []);
});

/** The members' databases, and what runs them. */
function processes(home: string): string[] {
  const found = findGuests(home).filter(({ role }) => role !== 'other');
  return found.map(({ memberId, role, pid }) => `${memberId} ${role} ${pid}`).sort();
}

function placesOf({ members }: ClusterView): string[] {
  return members.map(({ id, role, region, address }) => `${id} ${role} ${region} ${address}`).sort();
}
