// How deposed primaries came back as replicas, as the cluster's events tell it.
export interface ToldEvent {
  readonly id: number;
  readonly kind: string;
  readonly message: string;
}

export interface Returns {
  /** Primaries that a failover deposed. */
  readonly deposed: number;
  /** Of these: those that had to copy the new primary's data; all others went on with what they had, or were rewound. */
  readonly copied: number;
}

/** `events` in their order. */
export function returnsOf(events: readonly ToldEvent[]): Returns {
  let deposed = 0;
  let copied = 0;
  for (const [index, { kind, message }] of events.entries()) {
    const ordinal = kind === 'cluster.failover' ? /^Member (\d+) is primary no more/.exec(message)?.[1] : undefined;
    if (ordinal === undefined) continue;
    deposed += 1;
    const later = events.slice(index + 1);
    const next = later.findIndex((event) => event.message.startsWith(`Member ${ordinal} is primary no more`));
    const until = next < 0 ? later : later.slice(0, next);
    if (until.some((event) => event.message.startsWith(`Member ${ordinal} copied the primary anew`))) copied += 1;
  }
  return { deposed, copied };
}
