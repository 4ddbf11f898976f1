// Who the executor is to its OpenStack, and how it gets there: as the configuration says, or a cloud of a clouds.yaml.
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { readCloud } from '../openstack/clouds-file.ts';
import { REQUEST_TIMEOUT_MS } from '../openstack/http.ts';
import type { Credential, KeystoneAccount } from '../openstack/keystone.ts';

const common = {
  /** One request to Keystone or Heat. */
  requestTimeoutMs: z.int().positive().default(REQUEST_TIMEOUT_MS),
};
const direct = {
  ...common,
  authUrl: z.url(),
  region: z.string(),
  interface: z.enum(['public', 'internal', 'admin']).default('public'),
  /** PEM of the authority that signed the services' certificates; without it, those that Node knows. */
  caFile: z.string().optional(),
};

/** A service user of the region, with its password. */
const byPassword = z
  .strictObject({
    ...direct,
    username: z.string(),
    password: z.string().optional(),
    passwordFile: z.string().optional(),
    userDomain: z.string().default('Default'),
    projectName: z.string(),
    projectDomain: z.string().default('Default'),
  })
  .refine((value) => (value.password === undefined) !== (value.passwordFile === undefined), {
    message: 'Give either password or passwordFile.',
  });

const byApplicationCredential = z
  .strictObject({
    ...direct,
    applicationCredentialId: z.string(),
    applicationCredentialSecret: z.string().optional(),
    applicationCredentialSecretFile: z.string().optional(),
  })
  .refine(
    (value) =>
      (value.applicationCredentialSecret === undefined) !== (value.applicationCredentialSecretFile === undefined),
    { message: 'Give either applicationCredentialSecret or applicationCredentialSecretFile.' },
  );

const byCloud = z.strictObject({
  ...common,
  /** The name of a cloud in `cloudsFile`. */
  cloud: z.string(),
  cloudsFile: z.string(),
  /** Of a cloud that has several, or names none. */
  region: z.string().optional(),
});

export const openstackAccess = z.union([byPassword, byApplicationCredential, byCloud]);
export type OpenStackAccess = z.output<typeof openstackAccess>;

export interface ReadAccount {
  readonly account: KeystoneAccount;
  readonly caFile: string | undefined;
}

/** Reads what stands in files of their own. @throws Error that names the file */
export function readAccount(access: OpenStackAccess): ReadAccount {
  if ('cloud' in access) {
    const { authUrl, region, interface: face, caFile, credential } = readCloud(access.cloudsFile, access.cloud);
    const named = access.region ?? region;
    if (named === undefined) {
      throw new Error(`Cloud "${access.cloud}" of ${access.cloudsFile} has no region_name: give the region.`);
    }
    return { account: { authUrl, region: named, interface: face ?? 'public', credential }, caFile };
  }
  const { authUrl, region, interface: face, caFile } = access;
  return { account: { authUrl, region, interface: face, credential: credentialOf(access) }, caFile };
}

function credentialOf(access: Exclude<OpenStackAccess, { cloud: string }>): Credential {
  const read = (given: string | undefined, file: string | undefined): string =>
    given ?? readFileSync(file ?? '', 'utf8').trim();
  if ('applicationCredentialId' in access) {
    const { applicationCredentialId: id, applicationCredentialSecret: secret } = access;
    return { kind: 'application', id, secret: read(secret, access.applicationCredentialSecretFile) };
  }
  const { username, userDomain, projectName, projectDomain } = access;
  return {
    kind: 'password',
    user: { name: username, domain: { name: userDomain } },
    password: read(access.password, access.passwordFile),
    project: { name: projectName, domain: { name: projectDomain } },
  };
}
