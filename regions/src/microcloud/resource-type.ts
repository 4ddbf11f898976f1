// What microcloud must know of a type of resources to play it.
import type { Cloud } from './cloud.ts';

export interface ResourceType {
  /** Every property it knows; true: it must be given. */
  readonly properties: Readonly<Record<string, boolean>>;
  /** The property, and what Heat finds wrong with it before anything is made. Properties that are not known yet are undefined. */
  check?(cloud: Cloud, properties: Properties): string | undefined;
  /** The id of what will be made, where it is not a new one. */
  physicalId?(properties: Properties): string;
  /** Changes it where it is. A type without this is made anew. */
  update?(cloud: Cloud, id: string, before: Properties, after: Properties): Promise<void> | void;
  /** What a check finds wrong with it. */
  ailment?(cloud: Cloud, id: string): string | undefined;
  /** Lets go of what its replacement will need. */
  release?(cloud: Cloud, id: string): Promise<void>;
  create(cloud: Cloud, id: string, properties: Properties): Promise<void> | void;
  remove(cloud: Cloud, id: string): Promise<void> | void;
  /** Those that `attribute` knows. */
  readonly attributes?: readonly string[];
  attribute(cloud: Cloud, id: string, name: string): unknown;
}

export type Properties = Readonly<Record<string, unknown>>;
