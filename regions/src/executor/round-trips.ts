// How far the other regions are: the time that a TCP connection to each one's executor takes. The databases replicate
// over the same networks. Whom to measure is configured, or told by the gateway, which knows who joins and leaves.
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { type Clock, type Credentials, pause, type RegionPeer, type RoundTrip } from '@argosy/proto';

const LIMIT_MS = 3_000;
/** After a failure it is tried again sooner, so that a way that is gone is known soon. */
const RETRY_MS = 1_000;
/** A way that is gone, for its return is waited for. */
const RETRY_UNREACHABLE_MS = 5_000;
/** The median of so many is told: one lost packet is not a longer way. */
const KEPT = 5;
const FAILURES_UNTIL_UNREACHABLE = 3;
/** A minute's. */
const REFUSALS_UNTIL_UNREACHABLE = 12;
const MICROSECONDS_PER_MS = 1_000;

export interface MeasuredPeer {
  readonly region: string;
  /** `ip:port` of its executors: one that answers is enough. */
  readonly addresses: readonly string[];
  /** The name in its certificate; without one whatever answers will do. */
  readonly serverName?: string | undefined;
}

export interface RoundTripsWorld {
  readonly clock: Clock;
  readonly everyMs: number;
  own(): Credentials;
  /** What the executor of a region is called in its certificate. */
  serverName(region: string): string;
}

interface Track {
  peer: MeasuredPeer;
  readonly times: number[];
  failures: number;
  /** So often in a row somebody was there who said that nobody listens: the way is open, and the executor is away. */
  refusals: number;
  detail: string;
}

export class RoundTrips {
  readonly #configured: readonly MeasuredPeer[];
  readonly #world: RoundTripsWorld;
  #tracks: readonly Track[] = [];
  #wake = new AbortController();

  constructor(configured: readonly MeasuredPeer[], world: RoundTripsWorld) {
    this.#configured = configured;
    this.#world = world;
    this.tell([]);
  }

  /** From now on these are measured, and those that are configured and not among them. */
  tell(peers: readonly RegionPeer[]): void {
    const told = peers.map(({ region, executors }): MeasuredPeer => {
      return { region, addresses: executors, serverName: this.#world.serverName(region) };
    });
    const others = this.#configured.filter(({ region }) => told.every((peer) => peer.region !== region));
    const before = this.#tracks;
    this.#tracks = [...told, ...others].map((peer) => {
      const known = before.find((track) => track.peer.region === peer.region);
      if (known === undefined) return { peer, times: [], failures: 0, refusals: 0, detail: '' };
      known.peer = peer;
      return known;
    });
    if (this.#tracks.some((track) => !before.includes(track))) this.#wake.abort();
  }

  /** Measures until the signal. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await Promise.allSettled(this.#tracks.map((track) => this.#measure(track)));
      const isFailing = this.#tracks.some(({ failures }) => failures > 0 && failures < FAILURES_UNTIL_UNREACHABLE);
      const isGone = this.#tracks.some(
        ({ failures, refusals }) => refusals > 0 || failures >= FAILURES_UNTIL_UNREACHABLE,
      );
      const retryMs = isFailing ? RETRY_MS : isGone ? RETRY_UNREACHABLE_MS : this.#world.everyMs;
      await pause(
        this.#world.clock,
        Math.min(retryMs, this.#world.everyMs),
        AbortSignal.any([signal, this.#wake.signal]),
      );
      if (this.#wake.signal.aborted) this.#wake = new AbortController();
    }
  }

  /** What is known: nothing of a region that has neither answered nor failed often enough. */
  measured(): RoundTrip[] {
    return this.#tracks.flatMap(({ peer: { region }, times, failures, detail }): RoundTrip[] => {
      if (failures >= FAILURES_UNTIL_UNREACHABLE) return [{ region, reachable: false, microseconds: 0, detail }];
      if (times.length === 0) return [];
      return [{ region, reachable: true, microseconds: median(times), detail: '' }];
    });
  }

  async #measure(track: Track): Promise<void> {
    const { addresses } = track.peer;
    const failures: string[] = [];
    let isRefused = false;
    for (const address of addresses) {
      try {
        track.times.push(await this.#reach(address, track.peer.serverName));
        if (track.times.length > KEPT) track.times.shift();
        track.failures = 0;
        track.refusals = 0;
        return;
      } catch (error) {
        isRefused ||= (error as NodeJS.ErrnoException).code === 'ECONNREFUSED';
        failures.push(`${address}: ${(error as Error).message}`);
      }
    }
    track.detail = failures.join('; ');
    track.refusals = isRefused ? track.refusals + 1 : 0;
    // That an executor is away is told of its region, not of the way; but a wall can refuse as well, and for long.
    const isAway = isRefused && track.refusals < REFUSALS_UNTIL_UNREACHABLE;
    track.failures = isAway ? 0 : track.failures + 1;
    if (isRefused && !isAway) track.failures = FAILURES_UNTIL_UNREACHABLE;
    if (track.failures >= FAILURES_UNTIL_UNREACHABLE) track.times.length = 0;
  }

  /** How many microseconds it took to connect. @throws Error when nobody, or somebody else, answers */
  async #reach(address: string, name: string | undefined): Promise<number> {
    const { clock, own } = this.#world;
    const [, host = '', port = ''] = /^\[?(.*?)\]?:(\d+)$/.exec(address) ?? [];
    const began = clock.monotonicMs();
    const socket = connect({ host, port: Number(port) });
    try {
      await arrival(socket, 'connect', clock);
      const microseconds = Math.round((clock.monotonicMs() - began) * MICROSECONDS_PER_MS);
      if (name !== undefined) await verify(socket, name, own(), clock);
      return microseconds;
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
