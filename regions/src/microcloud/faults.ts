// What is wrong with this region on purpose: tests and rehearsals tell it at `PUT /faults` of the Heat port, or of the
// faces' under a real Heat. The door is shut unless the configuration says otherwise; nothing of it is kept over a
// restart.
import type { Middleware } from 'koa';
import { z } from 'zod';

const service = z.enum(['ok', '500', 'hang']);
const faultsBody = z.strictObject({
  /** `hang`: it takes requests and never answers, as a living API before a dead engine does. */
  heat: service.default('ok'),
  keystone: service.default('ok'),
  /** Zones whose hosts take no server. */
  zone_full: z.array(z.string()).default([]),
  /** Zones whose hosts take a server, and do not get it booted until they are told otherwise. */
  zone_stalled: z.array(z.string()).default([]),
  /** `hang`: Nova makes a server that it is asked for, and never says so. Under a real Heat only. */
  server_answers: z.enum(['ok', 'hang']).default('ok'),
  /** How many servers Nova grants; null: as many as there is room for. */
  server_quota: z.int().min(0).nullable().default(null),
  /** The name of a resource that cannot be made or changed, in whichever template it stands. */
  fail_resource: z.string().nullable().default(null),
  /** The name of a resource that cannot be removed. */
  fail_delete: z.string().nullable().default(null),
  /** Each token that was given before this moment is refused from now on. */
  expire_tokens: z.boolean().default(false),
});

export type FaultState = z.output<typeof faultsBody>;

export class Faults {
  #state: FaultState = faultsBody.parse({});
  readonly #isOpen: boolean;
  readonly #expireTokens: () => void;

  constructor(isOpen: boolean, expireTokens: () => void) {
    this.#isOpen = isOpen;
    this.#expireTokens = expireTokens;
  }

  get state(): FaultState {
    return this.#state;
  }

  /** Where one tells it, when the configuration lets one. */
  door(): Middleware {
    return async (context, next) => {
      if (!this.#isOpen || context.method !== 'PUT' || context.path !== '/faults') return next();
      const read = faultsBody.safeParse(context.state.body ?? {});
      context.status = read.success ? 200 : 400;
      if (read.success) {
        this.#state = read.data;
        if (read.data.expire_tokens) this.#expireTokens();
      }
      context.body = read.success ? read.data : { error: read.error.message };
    };
  }

  /** Stands before a service's routes, and behind the door: that works while the service does not. */
  guard(which: 'heat' | 'keystone'): Middleware {
    return async (_context, next) => {
      const state = this.#state[which];
      // The server closes what is left hanging when it closes.
      if (state === 'hang') await new Promise(() => {});
      if (state === '500') throw new Error(`${which} is told to fail`);
      await next();
    };
  }
}
