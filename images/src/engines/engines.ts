// The engines that members on this machine run: what the system has installed, or a copy unpacked beside it.
import * as z from 'zod';

export const engineSchema = z.object({
  mode: z.enum(['system', 'unpacked']),
  /** The folder of the programs. */
  bin: z.string(),
  /** What LD_LIBRARY_PATH must be for them; null when the system finds their libraries. */
  libraryPath: z.string().nullable(),
  /** As the server's program tells it, such as "15.18". */
  release: z.string(),
  /** The archive of an empty database, for an engine that is quicker with one. */
  template: z.string().optional(),
});

export const enginesSchema = z.record(z.string(), z.record(z.string(), engineSchema));

export type EngineEntry = z.infer<typeof engineSchema>;
/** Before its archive is made. */
export type FoundEngine = Omit<EngineEntry, 'template'>;
/** By datastore, then by version. */
export type Engines = z.infer<typeof enginesSchema>;
export type EngineMode = EngineEntry['mode'];

/** Why an engine cannot be had, in a sentence that says what is needed. */
export class EngineError extends Error {
  override readonly name = 'EngineError';
}

export interface EngineRequest {
  readonly datastore: string;
  readonly version: string;
  /** Where unpacked engines and the list of engines are kept. */
  readonly directory: string;
  /** Undefined: what the system has, else unpacked. */
  readonly mode?: EngineMode | undefined;
}
