import type { Clock } from '@argosy/proto';
import test from 'ava';
import { StartError } from '../errors.ts';
import { SLOT_COUNT } from '../layout.ts';
import { layOutNetwork } from './blocks.ts';
import { Links } from './links.ts';
import type { Delays } from './slow-links.ts';

const regions = [
  { name: 'north', number: 1 },
  { name: 'south', number: 2 },
];
const layout = layOutNetwork(5, regions);

/** Time that moves when it is told to. */
function stoppedClock(): Clock & { pass(): void } {
  let pending: (() => void)[] = [];
  return {
    now: () => new Date(0),
    monotonicMs: () => 0,
    after: (_delayMs, call) => {
      pending.push(call);
      return { cancel: () => (pending = pending.filter((other) => other !== call)) };
    },
    pass: () => {
      for (const call of pending.splice(0)) call();
    },
  };
}

function openLinks() {
  const rules = new Set<string>();
  const delays: Delays[] = [];
  const clock = stoppedClock();
  const world = { isBroken: false };
  const links = new Links({
    ...{ layout, clock, onFailure: () => undefined },
    slow: {
      set: async (told) => {
        if (world.isBroken && told.length > 0) throw new StartError('Slow links need a program.');
        delays.push(told);
      },
    },
    tell: async (lines) => {
      for (const line of lines) {
        const [, act, rule = ''] = /^rule (add|del) (.*)$/.exec(line) ?? [];
        if (act === 'add') rules.add(rule);
        else rules.delete(rule);
      }
    },
  });
  return { links, rules, delays, clock, world };
}

test('the blocks of the last slot are still within 198.18.0.0/15, and no two slots share one', (t) => {
  const all = Array.from({ length: SLOT_COUNT }, (_, slot) => layOutNetwork(slot, regions));

  t.regex(all.at(-1)?.cidr ?? '', /^198\.19\.\d+\.0\/21$/);
  t.is(new Set(all.map(({ cidr }) => cidr)).size, SLOT_COUNT);
});

test('a set of faults is put as a whole: what is in it no more is healed, what is still in it is left alone', async (t) => {
  const { links, rules } = openLinks();
  const cut = (from: string, to: string) => ({ from, to, effect: 'cut' }) as const;

  await links.put('drill', { faults: [cut('north', 'south'), cut('north', 'gateway-2')] });
  await links.put('drill', { faults: [cut('north', 'south'), cut('outside', 'north')] });

  t.deepEqual(
    [...rules],
    ['pref 1000 iif north to 198.18.42.0/24 blackhole', 'pref 1000 iif outside to 198.18.41.0/24 blackhole'],
  );
});

test('what two sets ask for is healed when both are gone', async (t) => {
  const { links, rules } = openLinks();
  const isolate = [{ region: 'north', from: 'regions' }] as const;
  await links.put('one', { isolate });
  await links.put('other', { isolate });

  await links.heal('one');
  t.is(rules.size, 2);
  await links.heal('other');
  await links.heal('other');
  t.is(rules.size, 0);
});

test('a set heals by itself when nobody puts it again in time', async (t) => {
  const { links, rules, clock } = openLinks();
  await links.put('drill', { isolate: [{ region: 'north', from: 'gateways' }], expiresInSeconds: 10 });
  t.is(rules.size, 4);

  clock.pass();
  await links.heal('another, so that the healing has been waited for');

  t.is(rules.size, 0);
});

test('a slow link is a detour, and the program that lets packets wait is told both blocks', async (t) => {
  const { links, rules, delays } = openLinks();

  await links.put('slow', { faults: [{ from: 'south', to: 'gateway-1', effect: 'slow', delayMs: 40 }] });

  t.deepEqual([...rules], ['pref 2000 iif south to 198.18.40.16/28 lookup 77']);
  t.deepEqual(delays.at(-1), [['198.18.42.0/24', '198.18.40.16/28', 40]]);
});

test('what cannot be made true is refused and leaves everything as it was', async (t) => {
  const { links, rules, world } = openLinks();
  await links.put('before', { faults: [{ from: 'north', to: 'south', effect: 'cut' }] });
  world.isBroken = true;

  const faults = [{ from: 'south', to: 'north', effect: 'slow', delayMs: 10 }] as const;
  await t.throwsAsync(links.put('more', { faults }), { instanceOf: StartError });

  t.deepEqual(
    links.sets().map(({ name }) => name),
    ['before'],
  );
  t.is(rules.size, 1);
});
