// Real namespaces: what the kernel does with a link that is cut, slowed and healed. Root only.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { systemClock } from '@argosy/proto';
import test, { type ExecutionContext } from 'ava';
import { type NetworkControl, networkControl } from '../../network/client.ts';
import { layOut, networkOf, type RegionName, SLOT_COUNT } from '../layout.ts';
import { listenOnDoor } from '../slots.ts';
import type { NetworkLayout } from './blocks.ts';
import { demandPrograms, namespacesOf, within } from './commands.ts';
import { LocalNetwork } from './network.ts';

const repository = fileURLToPath(new URL('../../../..', import.meta.url));
const PORT = 8788;
/** A packet that has not come by then does not come. */
const LIMIT_MS = 1_500;
const CHILD_LIMIT_MS = 10_000;

/** Prints what comes by UDP, and answers TCP. */
const LISTENER = `
const [address, port = ${PORT}] = process.argv.slice(1);
const socket = require('node:dgram').createSocket('udp4');
socket.on('message', (message) => console.log('udp ' + message));
socket.bind(port, address, () =>
  require('node:net').createServer((s) => s.on('error', () => {}).end('hello')).listen(port, address, () => console.log('listening')));
`;
/** Prints how many milliseconds a TCP connection took, or that there was none. */
const CALLER = `
const [address, port = ${PORT}] = process.argv.slice(1);
const began = performance.now();
const socket = require('node:net').connect({ host: address, port, timeout: ${LIMIT_MS} });
const end = (text) => { console.log(text); process.exit(0); };
socket.on('connect', () => end(performance.now() - began));
socket.on('timeout', () => end('none'));
socket.on('error', () => end('none'));
`;
const SENDER = `
const [address, text] = process.argv.slice(1);
const socket = require('node:dgram').createSocket('udp4');
socket.send(text, ${PORT}, address, () => process.exit(0));
`;

interface World {
  readonly layout: NetworkLayout;
  readonly control: NetworkControl;
  readonly said: Readonly<Record<string, string[]>>;
  /** Milliseconds of a TCP connection; undefined: there was none. */
  call(from: string, to: string): Promise<number | undefined>;
  /** The same, to an address. */
  dial(from: string, address: string, port: number): Promise<number | undefined>;
  /** Has something listen at an address of a place, and waits until it does. */
  listen(place: string, address: string, port: number): Promise<void>;
  send(from: string, to: string, text: string): Promise<void>;
}

async function withNetwork(
  t: ExecutionContext,
  act: (world: World) => Promise<void>,
  translated: readonly RegionName[] = [],
): Promise<void> {
  const slot = await freeSlot();
  const layout = networkOf(slot.number, true, translated);
  if (layout === undefined) throw new Error('There is a network.');
  const folder = mkdtempSync(join(tmpdir(), 'argosy-network-'));
  const control = join(folder, 'network');
  const options = { layout, control, repository, clock: systemClock, onFailure: (error: unknown) => t.log(error) };
  const network = await LocalNetwork.open({ ...options, regions: [] });
  const children: ChildProcess[] = [];
  try {
    const said: Record<string, string[]> = {};
    for (const { name, namespace, address } of layout.places) {
      const lines: string[] = [];
      said[name] = lines;
      const child = spawnWithin(namespace, LISTENER, address);
      children.push(child);
      if (child.stdout !== null) createInterface({ input: child.stdout }).on('line', (line) => lines.push(line));
    }
    await until(() => Object.values(said).every((lines) => lines.includes('listening')));
    await act({
      ...{ layout, said, control: networkControl(control) },
      call: async (from, to) =>
        numberOf(await outcome(spawnWithin(namespaceOf(layout, from), CALLER, addressOf(layout, to)))),
      dial: async (from, address, port) =>
        numberOf(await outcome(spawnWithin(namespaceOf(layout, from), CALLER, address, String(port)))),
      listen: async (place, address, port) => {
        const child = spawnWithin(namespaceOf(layout, place), LISTENER, address, String(port));
        children.push(child);
        if (child.stdout === null) throw new Error('It has an output.');
        await once(createInterface({ input: child.stdout }), 'line');
      },
      send: async (from, to, text) => {
        await outcome(spawnWithin(namespaceOf(layout, from), SENDER, addressOf(layout, to), text));
      },
    });
  } finally {
    for (const child of children) child.kill('SIGKILL');
    await network.close();
    slot.release();
    rmSync(folder, { recursive: true });
  }
  t.deepEqual(namespacesOf(`argosy-${slot.number}-`), []);
}

const isPossible = process.getuid?.() === 0 && hasPrograms();
const real = isPossible ? test.serial : test.serial.skip;
const reason = isPossible ? '' : ' (needs root and iproute2)';

real(`places reach each other; what is cut is cut one way, and silent; healed, it is as before${reason}`, async (t) => {
  await withNetwork(t, async ({ control, said, call, send }) => {
    for (const [from, to] of [
      ['north', 'south'],
      ['gateway-1', 'west'],
      ['outside', 'gateway-3'],
    ] as const) {
      t.not(await call(from, to), undefined, `${from} > ${to}`);
    }

    await control.put('test', { faults: [{ from: 'north', to: 'south', effect: 'cut' }] });
    await send('north', 'south', 'lost');
    await send('south', 'north', 'arrives');
    await until(() => said.north?.includes('udp arrives') === true);
    t.is(await call('north', 'south'), undefined);
    t.not(await call('gateway-1', 'south'), undefined);
    t.not(await call('north', 'west'), undefined);

    await control.heal('test');
    t.not(await call('north', 'south'), undefined);
    await send('north', 'south', 'after');
    await until(() => said.south?.includes('udp after') === true);
    t.false(said.south?.includes('udp lost'));
  });
});

real(`a slow link takes its time, there and back; other links are as quick as ever${reason}`, async (t) => {
  await withNetwork(t, async ({ control, call }) => {
    await control.put('test', { isolate: [{ region: 'west', from: 'regions', delayMs: 400 }] });
    t.true(((await call('north', 'west')) ?? 0) >= 800);
    t.true(((await call('gateway-1', 'west')) ?? Number.POSITIVE_INFINITY) < 800);

    await control.heal('test');
    t.true(((await call('north', 'west')) ?? Number.POSITIVE_INFINITY) < 800);
  });
});

real(
  `members of a translated region are dialled at other addresses than they bind, from everywhere${reason}`,
  async (t) => {
    const act = async ({ layout, control, dial, listen }: World): Promise<void> => {
      const block = layout.places.find(({ name }) => name === 'north')?.bound.replace('.0/25', '') ?? '';
      await listen('north', `${block}.10`, 5432);
      await until(async () => (await dial('north', `${block}.138`, 5432)) !== undefined);

      for (const from of ['south', 'gateway-2', 'outside']) {
        t.not(await dial(from, `${block}.138`, 5432), undefined, `${from}, advertised`);
        t.is(await dial(from, `${block}.10`, 5432), undefined, `${from}, bound`);
      }
      await control.put('test', { faults: [{ from: 'south', to: 'north', effect: 'cut' }] });
      t.is(await dial('south', `${block}.138`, 5432), undefined);
      await control.put('test', { faults: [{ from: 'north', to: 'south', effect: 'cut' }] });
      t.is(await dial('south', `${block}.138`, 5432), undefined);
      await control.put('test', { faults: [{ from: 'north', to: 'south', effect: 'slow', delayMs: 400 }] });
      t.true(((await dial('south', `${block}.138`, 5432)) ?? 0) >= 400);
      await control.heal('test');
      t.not(await dial('south', `${block}.138`, 5432), undefined);
    };
    await withNetwork(t, act, ['north']);
  },
);

function spawnWithin(namespace: string | undefined, script: string, ...args: readonly string[]): ChildProcess {
  const command = [process.execPath, '-e', script, ...args];
  const [file = '', ...rest] = namespace === undefined ? command : within(namespace, command);
  return spawn(file, rest, { stdio: ['ignore', 'pipe', 'inherit'], timeout: CHILD_LIMIT_MS * 6 });
}

async function outcome(child: ChildProcess): Promise<string> {
  let text = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  await once(child, 'close');
  return text.trim();
}

function numberOf(text: string): number | undefined {
  return text === 'none' ? undefined : Number(text);
}

function namespaceOf({ places }: NetworkLayout, place: string): string | undefined {
  return places.find(({ name }) => name === place)?.namespace;
}

function addressOf({ places }: NetworkLayout, place: string): string {
  return places.find(({ name }) => name === place)?.address ?? '';
}

/** From the last on: federations take theirs from the first. */
async function freeSlot(): Promise<{ readonly number: number; readonly release: () => void }> {
  for (let number = SLOT_COUNT - 1; number >= 0; number -= 1) {
    const release = await listenOnDoor(number);
    if (release !== undefined) return { number, release };
  }
  throw new Error('No slot is free.');
}

async function until(isTrue: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + CHILD_LIMIT_MS;
  while (!(await isTrue())) {
    if (performance.now() > end) throw new Error('It did not come true in time.');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function hasPrograms(): boolean {
  try {
    demandPrograms();
    return true;
  } catch {
    return false;
  }
}

test('the blocks of a networked federation are those of its namespaces', (t) => {
  const [north] = layOut(3, 8779, true);
  const layout = networkOf(3, true);

  t.is(layout?.places.find(({ name }) => name === 'north')?.bound, north?.cidr);
  t.is(north?.restListen.address, '198.18.24.18');
  t.is(north?.rest.address, '127.0.0.1');
});
