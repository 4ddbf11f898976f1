// `gateway recover`: when a majority of the peers is lost for ever, the federation is rebuilt from one that is left. It
// works on that peer's directory alone, while the peer does not run. What of the log the peer does not have is lost; so
// that nothing of it comes back by other ways, every cluster elects anew in a far higher epoch, and every region is to
// be heard of before anything is placed in it.
import { recover } from 'raft-ts';
import type { GatewayConfig } from './config.ts';
import { ANNOUNCED_KINDS, decodeEntry, encodeEntry } from './state/entries.ts';
import { Federation } from './state/federation.ts';

/** The lost peers can have raised an epoch more than once that this one has not heard of; hardly so often. */
const EPOCHS_AHEAD = 100;

export interface GatewayRecovery {
  /** What every peer of the federation has in its configuration from now on, as `clusterId`. */
  readonly clusterId: string;
  readonly lastIndex: number;
  readonly commitIndex: number;
  /** By id, those that elect anew. */
  readonly clusters: readonly string[];
}

export interface GatewayRecoveryOptions {
  readonly config: GatewayConfig;
  /** Not used before in this federation. */
  readonly clusterId: string;
  /** The present time, RFC 3339. */
  readonly at: string;
  /** Who is a peer besides this one from now on, by id: each begins with an empty directory. */
  readonly joining?: readonly number[];
}

/** A peer that was named cannot be one. Nothing was changed. */
export class JoiningError extends Error {
  override readonly name = 'JoiningError';
}

/**
 * @throws DirectoryLockedError while the peer runs, UnknownKindError when it ran a later version, LogDamagedError,
 * JoiningError
 */
export async function recoverGateway(options: GatewayRecoveryOptions): Promise<GatewayRecovery> {
  const { config, clusterId, at, joining = [] } = options;
  const voters = [config.peer.id, ...joining];
  if (new Set(voters).size < voters.length) throw new JoiningError('Each peer can be named once, and not this one.');
  const unknown = joining.filter((id) => !config.peers.some((peer) => peer.id === id));
  if (unknown.length > 0)
    throw new JoiningError(`Peer ${unknown.join(', ')} is not among the peers of the configuration.`);
  const federation = new Federation();
  const { lastIndex, commitIndex } = await recover({
    id: config.peer.id,
    directory: config.dataDirectory,
    clusterId,
    voters,
    kinds: ANNOUNCED_KINDS,
    stateMachine: {
      apply: ({ data }) => federation.apply(decodeEntry(data)),
      snapshot: () => federation.snapshot(),
      restore: (data) => federation.restore(data),
    },
    entries: [encodeEntry({ at, kind: 'federation.recovered', epochs: EPOCHS_AHEAD })],
  });
  const clusters = federation.clusters().filter(({ epoch }) => epoch > 0);
  return { clusterId, lastIndex, commitIndex, clusters: clusters.map(({ id }) => id) };
}
