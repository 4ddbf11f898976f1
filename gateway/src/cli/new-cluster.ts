// The wish that `cluster create` sends: only what the user gave, so that the gateway's defaults stay the gateway's.

/** The options of `cluster create`, as commander reads them. */
export interface NewClusterOptions {
  readonly datastore: string;
  readonly version?: string;
  readonly topology?: string;
  readonly voters?: number;
  readonly replicas?: number;
  readonly arbiters?: number;
  readonly survive?: string;
  readonly regions?: readonly string[];
  readonly residency?: readonly string[];
  readonly flavor?: string;
  readonly volume?: number;
  readonly durability?: string;
  readonly rpo?: number;
  readonly onLoss?: string;
  readonly onReplicaLoss?: string;
}

/** The body of `POST /v2/clusters`. */
export function newClusterBody(name: string, options: NewClusterOptions): { cluster: Record<string, unknown> } {
  return {
    cluster: {
      name,
      datastore: given({ type: options.datastore, version: options.version }),
      ...section('topology', {
        ...{ mode: options.topology, voters: options.voters },
        ...{ replicas: options.replicas, arbiters: options.arbiters },
      }),
      ...section('placement', { survive: options.survive, regions: options.regions, residency: options.residency }),
      ...section('volume', { size: options.volume }),
      ...section('durability', {
        ...{ mode: options.durability, rpo_seconds: options.rpo },
        ...{ on_loss: options.onLoss, on_replica_loss: options.onReplicaLoss },
      }),
      ...given({ flavor: options.flavor }),
    },
  };
}

/** A part of a wish, left out when nothing of it was given. */
export function section(name: string, fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const known = given(fields);
  return Object.keys(known).length === 0 ? {} : { [name]: known };
}

/** Without what was not given. */
export function given(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
