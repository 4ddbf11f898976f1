// A cloud of a clouds.yaml, read as OpenStack's clients read it: whom to sign in as, where, and in which region.
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { z } from 'zod';
import type { Credential } from './keystone.ts';

/** What such a file has of a cloud and we do not need is passed over. */
const text = z.coerce.string();
const cloudSchema = z.looseObject({
  auth_type: text.optional(),
  region_name: text.optional(),
  interface: z.enum(['public', 'internal', 'admin']).optional(),
  cacert: text.optional(),
  auth: z.looseObject({
    auth_url: text,
    username: text.optional(),
    user_id: text.optional(),
    password: text.optional(),
    user_domain_name: text.optional(),
    user_domain_id: text.optional(),
    project_name: text.optional(),
    project_id: text.optional(),
    project_domain_name: text.optional(),
    project_domain_id: text.optional(),
    application_credential_id: text.optional(),
    application_credential_secret: text.optional(),
  }),
});
const fileSchema = z.looseObject({ clouds: z.record(z.string(), z.unknown()) });

export interface CloudEntry {
  readonly authUrl: string;
  readonly region: string | undefined;
  readonly interface: 'public' | 'internal' | 'admin' | undefined;
  readonly caFile: string | undefined;
  readonly credential: Credential;
}

/** @throws Error that names the file, the cloud and what is wrong with it */
export function readCloud(file: string, name: string): CloudEntry {
  const clouds = fileSchema.safeParse(parse(readFileSync(file, 'utf8'))).data?.clouds ?? {};
  if (clouds[name] === undefined) throw new Error(`${file} has no cloud "${name}".`);
  const read = cloudSchema.safeParse(clouds[name]);
  if (!read.success) throw new Error(`Cloud "${name}" of ${file} is wrong: ${z.prettifyError(read.error)}`);
  const { auth, region_name: region, interface: face, cacert } = read.data;
  return {
    ...{ authUrl: auth.auth_url, region, interface: face, caFile: cacert },
    credential: credentialOf(auth, `Cloud "${name}" of ${file}`),
  };
}

type Auth = z.output<typeof cloudSchema>['auth'];

function credentialOf(auth: Auth, where: string): Credential {
  const { application_credential_id: id, application_credential_secret: secret, password } = auth;
  if (id !== undefined && secret !== undefined) return { kind: 'application', id, secret };

  const user = named(auth.user_id, auth.username, domain(auth.user_domain_id, auth.user_domain_name));
  const inside = domain(
    auth.project_domain_id ?? auth.user_domain_id,
    auth.project_domain_name ?? auth.user_domain_name,
  );
  const project = named(auth.project_id, auth.project_name, inside);
  if (user === undefined || project === undefined || password === undefined) {
    throw new Error(
      `${where} has neither application_credential_id and application_credential_secret nor username, password and ` +
        'project_name.',
    );
  }
  return { kind: 'password', user, password, project };
}

type Domain = { readonly id: string } | { readonly name: string };

function domain(id: string | undefined, name: string | undefined): Domain {
  return id === undefined ? { name: name ?? 'Default' } : { id };
}

function named(id: string | undefined, name: string | undefined, inside: Domain) {
  if (id !== undefined) return { id };
  return name === undefined ? undefined : { name, domain: inside };
}
