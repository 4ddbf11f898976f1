// What the executor relies on of a region, case by case against microcloud and against a real Keystone and a real Heat.
// Where the two differ, microcloud is wrong. `npm test` asks microcloud only; `npm run test:openstack` asks both.
import test from 'ava';
import type { Given } from './cases.ts';
import { engineCases } from './engine-cases.ts';
import { executorCases } from './executor-cases.ts';
import { lostServer } from './lost-server.ts';
import { memberCases } from './member-cases.ts';
import { RegionClient } from './region-client.ts';
import { regionsBehindOneKeystone } from './shared-keystone.ts';
import { stackCases } from './stack-cases.ts';
import { openTarget, TARGETS } from './targets.ts';

const LIMIT_MS = 240_000;
const targets = process.env.ARGOSY_REGION_TARGETS;
const asked = (targets ?? 'microcloud').split(',');
// Before microcloud alone, the tests of the executor itself ask the same.
const cases = { ...stackCases, ...memberCases, ...engineCases, ...(targets === undefined ? {} : executorCases) };

/** A run of its own takes each n-th case only: `k/n`. They are one after the other in a region, and wait more than they work. */
const [part = 1, parts = 1] = (process.env.ARGOSY_REGION_PART ?? '1/1').split('/').map(Number);
const own = Object.entries(cases).filter((_, index) => index % parts === part - 1);

// What microcloud does not play: one Keystone for several regions.
if (asked.includes('shared')) {
  test.serial(
    'regions behind one Keystone have their own Heats and clouds, also for who has an application credential',
    (t) => {
      t.timeout(LIMIT_MS);
      return regionsBehindOneKeystone(t);
    },
  );
}

for (const name of TARGETS.filter((target) => asked.includes(target))) {
  let given: Given | undefined;
  test.serial.before(`${name} is brought up`, async (t) => {
    t.timeout(LIMIT_MS);
    const target = await openTarget(name);
    given = { target, region: await RegionClient.signIn(target) };
  });
  test.after.always(`${name} is taken down`, () => given?.target.close());
  for (const [title, run] of own) {
    test.serial(`${name}: ${title}`, async (t) => {
      t.timeout(LIMIT_MS);
      if (given === undefined) throw new Error(`${name} is not up.`);
      await run(t, given);
    });
  }
  // What microcloud's Heat does not do.
  if (name === 'openstack' && part === parts) {
    test.serial('a server that a killed Heat has lost is found by its port, and removed on request', async (t) => {
      t.timeout(LIMIT_MS);
      if (given === undefined) throw new Error(`${name} is not up.`);
      await lostServer(t, given);
    });
  }
}
