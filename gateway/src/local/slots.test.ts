import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { newTestFolder } from '../cli/folder-for-tests.ts';
import { StartError } from './errors.ts';
import { layOut, SLOT_COUNT, slotDoor } from './layout.ts';
import { type HoldSlot, holdFreeSlot, holdStoredSlot, listenOnDoor, type SlotSources } from './slots.ts';

/** A machine on which these slots' doors are held by others, and these homes have written down a slot. */
function machine(held: readonly number[] = [], homes: Readonly<Record<string, number>> = {}) {
  const released: number[] = [];
  const hold: HoldSlot = async (slot) => (held.includes(slot) ? undefined : () => released.push(slot));
  const sources: SlotSources = {
    home: '/srv/mine',
    reservations: join(newTestFolder(), 'argosy-slots'),
    hold,
    slotOf: (home) => homes[home],
  };
  return { sources, released };
}

test('a new home gets the first slot', async (t) => {
  const { sources } = machine();

  const { slot } = await holdFreeSlot(sources);

  t.is(slot, 0);
});

test('a slot that another process holds is passed over', async (t) => {
  const { sources } = machine([0, 1]);

  const { slot } = await holdFreeSlot(sources);

  t.is(slot, 2);
});

test('a slot that a stopped home has reserved is passed over, and its door is given back', async (t) => {
  const { sources, released } = machine([], { '/srv/other': 0 });
  await holdFreeSlot({ ...sources, home: '/srv/other' });

  const { slot } = await holdFreeSlot(sources);

  t.is(slot, 1);
  t.deepEqual(released, [0]);
});

test('the reservation of a home that is gone, or has another slot now, is void', async (t) => {
  const { sources } = machine([], { '/srv/moved': 7 });
  await holdFreeSlot({ ...sources, home: '/srv/gone' });
  await holdFreeSlot({ ...sources, home: '/srv/moved' });

  const { slot } = await holdFreeSlot(sources);

  t.is(slot, 0);
});

test('the reservation of a home that may not be looked into counts', async (t) => {
  const { sources } = machine();
  await holdFreeSlot({ ...sources, home: '/srv/closed' });
  const slotOf = (): never => {
    throw new Error('EACCES');
  };

  const { slot } = await holdFreeSlot({ ...sources, slotOf });

  t.is(slot, 1);
});

test('a stored slot that another holds is refused, never exchanged', async (t) => {
  const { sources } = machine([3]);

  const error = await t.throwsAsync(holdStoredSlot(3, sources), { instanceOf: StartError });

  t.regex(error.message, /Slot 3 .* is held by another process/);
});

test('a stored slot that another home has reserved is refused with its name', async (t) => {
  const { sources } = machine([], { '/srv/other': 0 });
  await holdFreeSlot({ ...sources, home: '/srv/other' });

  const error = await t.throwsAsync(holdStoredSlot(0, sources), { instanceOf: StartError });

  t.regex(error.message, /the federation in \/srv\/other/);
});

test('when all slots are taken, it says so', async (t) => {
  const { sources } = machine(Array.from({ length: SLOT_COUNT }, (_, slot) => slot));

  await t.throwsAsync(holdFreeSlot(sources), { message: /All 63 slots/ });
});

test('a reservation that cannot be replaced leaves the slot alone', async (t) => {
  const { sources } = machine();
  writeFileSync(sources.reservations, 'a file where the folder should be');

  await t.throwsAsync(holdFreeSlot(sources), { message: /All 63 slots/ });
});

test('a door can be held once, until it is released', async (t) => {
  const last = SLOT_COUNT - 1;
  const release = await listenOnDoor(last);
  if (release === undefined) {
    // Somebody on this machine really has the last slot: then the refusal is what is to be seen.
    t.pass();
    return;
  }

  t.is(await listenOnDoor(last), undefined);
  release();
});

test('the blocks of two slots do not meet, and the last one is within 127/8', (t) => {
  const first = layOut(0, 8779).map((region) => region.cidr);
  const second = layOut(1, 8779).map((region) => region.cidr);

  t.deepEqual(first, ['127.1.0.0/16', '127.2.0.0/16', '127.3.0.0/16']);
  t.deepEqual(second, ['127.5.0.0/16', '127.6.0.0/16', '127.7.0.0/16']);
  t.is(layOut(SLOT_COUNT - 1, 8779)[2]?.cidr, '127.251.0.0/16');
  t.is(slotDoor(1).address, '127.5.0.1');
});
