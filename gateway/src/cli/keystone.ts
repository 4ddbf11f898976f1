// Logging in to a Keystone (v3): a token, and the catalog that says where services are. A token is kept in memory only.
import { z } from 'zod';
import type { CloudAccess, Named } from './cloud-config.ts';
import { CommandError } from './errors.ts';
import type { Http } from './http.ts';

const tokenSchema = z.object({
  token: z.looseObject({
    catalog: z
      .array(
        z.looseObject({
          type: z.string(),
          endpoints: z.array(
            z.looseObject({
              interface: z.string(),
              url: z.string(),
              region: z.string().nullish(),
              region_id: z.string().nullish(),
            }),
          ),
        }),
      )
      .default([]),
  }),
});

const errorSchema = z.object({ error: z.object({ message: z.string() }) });

export type Catalog = z.infer<typeof tokenSchema>['token']['catalog'];

export interface Login {
  readonly token: string;
  readonly catalog: Catalog;
}

/**
 * Logs in. `authUrl` may be another Keystone's than the access names, when that one is down.
 * @throws CommandError when Keystone refuses.
 * @throws UnreachableError when nobody answers there.
 */
export async function logIn(http: Http, access: CloudAccess, authUrl: string): Promise<Login> {
  const url = `${versioned(authUrl)}/auth/tokens`;
  const answer = await http({ method: 'POST', url, body: { auth: { identity: identity(access), ...scope(access) } } });
  const token = answer.headers.get('x-subject-token');
  const parsed = tokenSchema.safeParse(answer.body);
  if (answer.status === 201 && token !== null && parsed.success) return { token, catalog: parsed.data.token.catalog };

  const refusal = errorSchema.safeParse(answer.body);
  const reason = refusal.success ? refusal.data.error.message : `it answered ${answer.status}`;
  throw new CommandError(`Keystone at ${authUrl} lets ${who(access)} not in: ${reason}`);
}

/** Where a service is, by its type. */
export function endpointOf(
  catalog: Catalog,
  options: { readonly type: string; readonly interface: string; readonly regionName: string | undefined },
): string | undefined {
  const { regionName } = options;
  return catalog
    .filter((service) => service.type === options.type)
    .flatMap((service) => service.endpoints)
    .filter((endpoint) => endpoint.interface === options.interface)
    .find((endpoint) => regionName === undefined || [endpoint.region, endpoint.region_id].includes(regionName))?.url;
}

function versioned(authUrl: string): string {
  const trimmed = authUrl.replace(/\/+$/, '');
  return trimmed.endsWith('/v3') ? trimmed : `${trimmed}/v3`;
}

function identity(access: CloudAccess): unknown {
  const { identity: own } = access;
  switch (own.method) {
    case 'password':
      return {
        methods: ['password'],
        password: {
          user:
            own.user.id === undefined
              ? { name: own.user.name, domain: reference(own.domain), password: own.password }
              : { id: own.user.id, password: own.password },
        },
      };
    case 'application_credential':
      return { methods: ['application_credential'], application_credential: { id: own.id, secret: own.secret } };
    case 'token':
      return { methods: ['token'], token: { id: own.token } };
  }
}

function scope(access: CloudAccess): { scope?: unknown } {
  // An application credential carries its own project; Keystone refuses to be told another.
  if (access.identity.method === 'application_credential') return {};
  const { id, name, domain } = access.scope;
  if (id !== undefined) return { scope: { project: { id } } };
  return name === undefined ? {} : { scope: { project: { name, domain: reference(domain) } } };
}

function reference(named: Named): Named {
  return named.id === undefined ? { name: named.name } : { id: named.id };
}

function who(access: CloudAccess): string {
  const { identity: own } = access;
  return own.method === 'password' ? `user ${own.user.name ?? own.user.id}` : `the ${own.method.replace('_', ' ')}`;
}
