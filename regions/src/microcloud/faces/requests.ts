// What the faces share: who asks, what they may answer, and ids for what the configuration names.
import { createHash } from 'node:crypto';
import type { Context } from 'koa';
import type { Logger } from 'pino';
import type { Cloud } from '../cloud.ts';
import type { Belongings } from './belongings.ts';
import type { Quotas } from './quotas.ts';

export interface Faces {
  readonly cloud: Cloud;
  readonly belongings: Belongings;
  readonly quotas: Quotas;
  readonly log: Logger;
  /** Servers whose delete is under way. */
  readonly deleting: Set<string>;
}

/** The project whose token came with a request. */
export function projectOf(context: Context): string {
  return String(context.state.projectId);
}

/** True when that token is an administrator's. */
export function mayAdminister(context: Context): boolean {
  return (context.state.roles as readonly string[]).includes('admin');
}

/** An id in OpenStack's form for something that the configuration knows by its name only. */
export function idOf(kind: string, name: string): string {
  const hex = createHash('sha256').update(`${kind} ${name}`).digest('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join('-');
}

/** True when an item has what the query asks of these fields. */
export function isAskedFor(
  context: Context,
  item: Readonly<Record<string, unknown>>,
  fields: readonly string[],
): boolean {
  return fields.every((field) => {
    const asked = context.query[field];
    return asked === undefined || [asked].flat().includes(String(item[field]));
  });
}

/** Goes on with what takes longer than the answer; what becomes of it is seen in the model. */
export function goOn(faces: Faces, what: string, work: Promise<unknown>): void {
  work.catch((error: unknown) => faces.log.info({ err: error, what }, 'work of a face failed'));
}

export function now(): string {
  return new Date().toISOString().replace(/\.\d+Z$/, 'Z');
}
