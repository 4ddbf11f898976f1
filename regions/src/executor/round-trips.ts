// How far the other regions are: the time that a TCP connection to each one's executor takes. The databases replicate
// over the same networks.
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { type Clock, type Credentials, pause, type RoundTrip } from '@argosy/proto';

const LIMIT_MS = 5_000;
/** The median of so many is told: one lost packet is not a longer way. */
const KEPT = 5;
const FAILURES_UNTIL_UNREACHABLE = 3;
const MICROSECONDS_PER_MS = 1_000;

export interface RegionPeer {
  readonly region: string;
  /** `ip:port` */
  readonly address: string;
  /** The name in its certificate; without one whatever answers will do. */
  readonly serverName?: string | undefined;
}

interface Track {
  readonly peer: RegionPeer;
  readonly times: number[];
  failures: number;
}

export class RoundTrips {
  readonly #tracks: readonly Track[];
  readonly #world: { readonly clock: Clock; readonly everyMs: number; own(): Credentials };

  constructor(
    peers: readonly RegionPeer[],
    world: { readonly clock: Clock; readonly everyMs: number; own(): Credentials },
  ) {
    this.#tracks = peers.map((peer) => ({ peer, times: [], failures: 0 }));
    this.#world = world;
  }

  /** Measures until the signal. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted && this.#tracks.length > 0) {
      await Promise.allSettled(this.#tracks.map((track) => this.#measure(track)));
      await pause(this.#world.clock, this.#world.everyMs, signal);
    }
  }

  /** What is known: nothing of a region that has neither answered nor failed often enough. */
  measured(): RoundTrip[] {
    return this.#tracks.flatMap(({ peer: { region }, times, failures }): RoundTrip[] => {
      if (failures >= FAILURES_UNTIL_UNREACHABLE) return [{ region, reachable: false, microseconds: 0 }];
      if (times.length === 0) return [];
      return [{ region, reachable: true, microseconds: median(times) }];
    });
  }

  async #measure(track: Track): Promise<void> {
    const { clock, own } = this.#world;
    const [, host = '', port = ''] = /^\[?(.*?)\]?:(\d+)$/.exec(track.peer.address) ?? [];
    const began = clock.monotonicMs();
    const socket = connect({ host, port: Number(port) });
    try {
      await arrival(socket, 'connect', clock);
      const microseconds = Math.round((clock.monotonicMs() - began) * MICROSECONDS_PER_MS);
      if (track.peer.serverName !== undefined) await verify(socket, track.peer.serverName, own(), clock);
      track.times.push(microseconds);
      if (track.times.length > KEPT) track.times.shift();
      track.failures = 0;
    } catch {
      track.failures += 1;
      if (track.failures >= FAILURES_UNTIL_UNREACHABLE) track.times.length = 0;
    } finally {
      socket.destroy();
    }
  }
}

async function verify(socket: Socket, servername: string, own: Credentials, clock: Clock): Promise<void> {
  const { root: ca, key, certificate: cert } = own;
  const secured = connectTls({ socket, servername, ca, key, cert, ALPNProtocols: ['h2'] });
  await arrival(secured, 'secureConnect', clock);
}

function arrival(socket: Socket, event: 'connect' | 'secureConnect', clock: Clock): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = clock.after(LIMIT_MS, () => socket.destroy(new Error('It took too long.')));
    const settle = (act: () => void) => (): void => {
      timer.cancel();
      act();
    };
    socket.on('error', (error) => settle(() => reject(error))());
    socket.on(
      'close',
      settle(() => reject(new Error('It was closed.'))),
    );
    socket.on(event, settle(resolve));
  });
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((left, right) => left - right);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
