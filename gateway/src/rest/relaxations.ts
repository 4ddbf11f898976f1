// What smaller wish would fit, as the body of a request has it: a script can send `change` as it is.
import { z } from 'zod';
import type { Relaxation } from '../placement/place.ts';

export interface RelaxationView {
  readonly message: string;
  /** As a `cluster` to create or to change has it; empty when waiting is enough. */
  readonly change: {
    readonly flavor?: string;
    readonly topology?: Readonly<Record<string, number>>;
    readonly placement?: Readonly<Record<string, string | readonly string[]>>;
  };
}

export const relaxationSchema = z.strictObject({
  message: z.string(),
  change: z
    .strictObject({
      flavor: z.string(),
      topology: z.strictObject({ voters: z.int(), replicas: z.int(), arbiters: z.int() }).partial(),
      placement: z
        .strictObject({ survive: z.string(), regions: z.array(z.string()), residency: z.array(z.string()) })
        .partial(),
    })
    .partial()
    .meta({ description: 'As the body of the request has it; empty when waiting is enough.' }),
});

export function relaxationView({ sentence, change }: Relaxation): RelaxationView {
  const { flavor, voters, replicas, arbiters, survive, regions, residency } = change;
  const topology = given({ voters, replicas, arbiters });
  const placement = given({ survive, regions, residency });
  return { message: sentence, change: given({ flavor, topology, placement }) ?? {} };
}

/** Without the fields that are not there; undefined when none is. */
function given<Fields extends object>(
  fields: Fields,
): { [Key in keyof Fields]?: NonNullable<Fields[Key]> } | undefined {
  const entries = Object.entries(fields).filter(([, value]) => value !== undefined);
  if (entries.length === 0) return undefined;
  return Object.fromEntries(entries) as { [Key in keyof Fields]?: NonNullable<Fields[Key]> };
}
