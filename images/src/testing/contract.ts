// Tries the contract of `datastores/` on one engine: its real server, under the real agent, in three guests.
import { execFile } from 'node:child_process';
import { mkdir, rm, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type AccountsDefinition, type DatastoreDefinition, datastores, definitionFor } from '@argosy/datastores';
import {
  arbiterCases,
  ContractCluster,
  contractCases,
  fixtures,
  type RuledCase,
  RuledCluster,
  ruledCases,
  ruledFixtures,
  type SmallDisk,
} from '@argosy/datastores/contract';
import type { TestFn } from 'ava';
import { newFederation } from './federation.ts';
import { Guest } from './guest.ts';
import { RuledGuest } from './ruled-guest.ts';

const PASSWORD = 'correct-horse-battery-staple';
const FILLER = '.filler';
/** What is left of the full disk. */
const LEFT_BYTES = 256 * 1024;
const DISK = 'size=768m,mode=0711';
const CASE_LIMIT_MS = 240_000;

const runFile = promisify(execFile);

/** Registers the contract's cases as this file's tests, in their order. */
export function tryContract(test: TestFn, datastore: string): void {
  const fixture = fixtures[datastore];
  const definition = datastores.find(datastore);
  if (fixture === undefined || definition === undefined) throw new Error(`${datastore} is no datastore.`);
  const endings: (() => Promise<void>)[] = [];
  let cluster: ContractCluster;

  test.before(async (t) => {
    t.timeout(CASE_LIMIT_MS);
    const federation = await newFederation();
    const boot = (ordinal: number) =>
      Guest.boot(federation, { clusterId: 'k1', ordinal, engine: fixture }, (call) => {
        endings.push(call);
      });
    const [first, second, third] = [await boot(1), await boot(2), await boot(3)];
    const members = [first, second, third] as const;
    await Promise.all(members.map((guest) => guest.enrol()));
    cluster = new ContractCluster({
      ...{ fixture, members, password: PASSWORD, root: federation.root },
      comparePositions: definition.comparePositions,
      verifier: (password) => definition.passwordVerifier(password, Buffer.alloc(16, 7)),
      accounts: accountsOf(definition),
      giveDisk: () => giveDisk(first, endings),
    });
  });

  test.after.always(async () => {
    await Promise.allSettled(endings.reverse().map((end) => end()));
  });

  for (const { title, run } of contractCases) {
    test.serial(`${datastore}: ${title}`, async (t) => {
      t.timeout(CASE_LIMIT_MS);
      await run(t, cluster);
    });
  }
}

/** The same of an engine that rules itself. */
export function tryRuledContract(test: TestFn, datastore: string): void {
  tryRuled(test, datastore, { cases: ruledCases, third: {} });
}

/** And of its arbiter, where it has one. */
export function tryArbiterContract(test: TestFn, datastore: string): void {
  tryRuled(test, datastore, { cases: arbiterCases, third: { kind: 'arbiter' } });
}

function tryRuled(
  test: TestFn,
  datastore: string,
  { cases, third }: { readonly cases: readonly RuledCase[]; readonly third: { readonly kind?: 'arbiter' } },
): void {
  const fixture = ruledFixtures[datastore];
  const known = datastores.find(datastore);
  const definition = known && definitionFor(known, 'engine');
  if (fixture === undefined || definition === undefined) throw new Error(`${datastore} does not rule itself.`);
  const endings: (() => Promise<void>)[] = [];
  let cluster: RuledCluster;

  test.before(async (t) => {
    t.timeout(CASE_LIMIT_MS);
    const federation = await newFederation();
    const boot = async (ordinal: number, role: typeof third = {}): Promise<RuledGuest> => {
      const member = { clusterId: 'k1', ordinal, engine: fixture, kind: { engine_ruled: true, ...role } } as const;
      return new RuledGuest(await Guest.boot(federation, member, (call) => void endings.push(call)));
    };
    const members = [await boot(1), await boot(2), await boot(3, third)] as const;
    await Promise.all(members.map(({ guest }) => guest.enrol()));
    const verifier = (password: string): string => definition.passwordVerifier(password, Buffer.alloc(16, 7));
    const identity = { ...members[0].guest.identity, memberId: 'k1-9' };
    const own = await federation.issue(identity);
    const stranger = await federation.issue({ ...identity, clusterId: 'k2', memberId: 'k2-1' });
    cluster = new RuledCluster({
      ...{ fixture, members, password: PASSWORD, root: federation.root, verifier, own, stranger },
      giveDisk: () => giveDisk(members[2].guest, endings),
      peerPort: definition.peerPorts?.[0] ?? definition.port,
      comparePositions: definition.comparePositions,
    });
  });

  test.after.always(async () => {
    await Promise.allSettled(endings.reverse().map((end) => end()));
  });

  for (const { title, run } of cases) {
    test.serial(`${datastore}: ${title}`, async (t) => {
      t.timeout(CASE_LIMIT_MS);
      await run(t, cluster);
    });
  }
}

function accountsOf({ name, accounts }: DatastoreDefinition): AccountsDefinition {
  if (accounts === undefined) throw new Error(`${name} has no users.`);
  return accounts;
}

/** Moves a member's volume to a small disk of its own. As root only. */
async function giveDisk(guest: Guest, endings: (() => Promise<void>)[]): Promise<SmallDisk | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const disk = join(guest.folder, 'disk');
  await mkdir(disk);
  try {
    await runFile('mount', ['-t', 'tmpfs', '-o', DISK, 'tmpfs', disk]);
  } catch {
    return undefined;
  }
  endings.push(async () => {
    await runFile('umount', ['--lazy', disk]);
  });
  await guest.endAgent();
  await runFile('cp', ['--archive', `${guest.volume}/.`, disk]);
  await runFile('mount', ['--bind', disk, guest.volume]);
  endings.push(async () => {
    await guest.halt();
    await runFile('umount', ['--lazy', guest.volume]);
  });
  guest.start();
  await guest.report((seen) => seen.up);
  const filler = join(disk, FILLER);
  return {
    fill: async () => {
      const { bavail, bsize } = await statfs(disk);
      await writeFile(filler, Buffer.alloc(Math.max(0, bavail * bsize - LEFT_BYTES)));
    },
    free: () => rm(filler),
  };
}
