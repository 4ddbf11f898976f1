// Which cloud a command speaks to and as whom, read as OpenStack clients read it: a named cloud of a clouds.yaml, or the
// OS_* variables. When neither is named, a local federation's `demo` user is taken.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { CommandError } from './errors.ts';

/** What one needs to log in to a Keystone. */
export interface CloudAccess {
  readonly authUrl: string;
  readonly identity: UserIdentity;
  readonly scope: ProjectScope;
  readonly regionName?: string | undefined;
  readonly interface: string;
  readonly caFile?: string | undefined;
  readonly isVerified: boolean;
  /** The local federation's home that it was read from, if it was. */
  readonly home?: string | undefined;
}

export type UserIdentity =
  | { readonly method: 'password'; readonly user: Named; readonly domain: Named; readonly password: string }
  | { readonly method: 'application_credential'; readonly id: string; readonly secret: string }
  | { readonly method: 'token'; readonly token: string };

/** Keystone takes an id or a name. */
export interface Named {
  readonly id?: string | undefined;
  readonly name?: string | undefined;
}

export interface ProjectScope extends Named {
  readonly domain: Named;
}

export interface CloudSources {
  readonly environment: NodeJS.ProcessEnv;
  readonly workingDirectory: string;
  readonly userFolder: string;
  /** Where the system keeps its clouds.yaml. */
  readonly systemFolder: string;
  readonly home: string | undefined;
  /** The cloud named on the command line. */
  readonly cloud?: string | undefined;
}

const text = z.coerce.string();
const authSchema = z.looseObject({
  auth_url: text.optional(),
  username: text.optional(),
  user_id: text.optional(),
  password: text.optional(),
  token: text.optional(),
  user_domain_name: text.optional(),
  user_domain_id: text.optional(),
  project_name: text.optional(),
  project_id: text.optional(),
  project_domain_name: text.optional(),
  project_domain_id: text.optional(),
  domain_name: text.optional(),
  domain_id: text.optional(),
  application_credential_id: text.optional(),
  application_credential_secret: text.optional(),
});
const cloudSchema = z.looseObject({
  auth: authSchema.default({}),
  region_name: text.optional(),
  interface: text.optional(),
  cacert: text.optional(),
  verify: z.boolean().optional(),
});
const cloudsSchema = z.looseObject({ clouds: z.record(z.string(), cloudSchema).default({}) });

type Auth = z.infer<typeof authSchema>;
type Cloud = z.infer<typeof cloudSchema>;

const LOCAL_CLOUD = 'demo';

/**
 * Finds the cloud to speak to. The first of these that is set decides: the cloud named on the command line, OS_CLOUD,
 * OS_AUTH_URL, the local federation, the only cloud of a clouds.yaml.
 * @throws CommandError when none is set, or what is set is incomplete.
 */
export function readCloudAccess(sources: CloudSources): CloudAccess {
  const { environment, home } = sources;
  const named = sources.cloud ?? nonEmpty(environment.OS_CLOUD);
  if (named !== undefined) return namedCloud(named, sources);
  if (nonEmpty(environment.OS_AUTH_URL) !== undefined) {
    return access(environmentCloud(environment), 'the OS_* variables');
  }

  const local = home === undefined ? undefined : readClouds(join(home, 'clouds.yaml'))?.[LOCAL_CLOUD];
  if (local !== undefined) return { ...access(local, `${home}/clouds.yaml`), home };

  const file = cloudFiles(sources).find((path) => existsSync(path));
  const only = file === undefined ? [] : Object.entries(readClouds(file) ?? {});
  if (file !== undefined && only.length === 1 && only[0] !== undefined) return access(only[0][1], file);
  throw new CommandError(
    'No cloud is named: set OS_CLOUD or the OS_* variables, or start a local federation with "npm start".',
  );
}

function namedCloud(name: string, sources: CloudSources): CloudAccess {
  const local = sources.home === undefined ? [] : [join(sources.home, 'clouds.yaml')];
  const searched = [...cloudFiles(sources), ...local];
  for (const path of searched) {
    const cloud = readClouds(path)?.[name];
    if (cloud === undefined) continue;
    return { ...access(cloud, path), ...(local.includes(path) ? { home: sources.home } : {}) };
  }
  throw new CommandError(`There is no cloud "${name}" in ${searched.join(', ')}.`);
}

function cloudFiles(sources: CloudSources): string[] {
  const named = nonEmpty(sources.environment.OS_CLIENT_CONFIG_FILE);
  const folders = [sources.workingDirectory, join(sources.userFolder, '.config/openstack'), sources.systemFolder];
  return [...(named === undefined ? [] : [named]), ...folders.map((folder) => join(folder, 'clouds.yaml'))];
}

/** The clouds of a file, with the secrets that `secure.yaml` beside it adds; undefined when there is no such file. */
function readClouds(path: string): Record<string, Cloud> | undefined {
  const clouds = readCloudsFile(path);
  if (clouds === undefined) return undefined;
  const secrets = readCloudsFile(path.replace(/clouds\.yaml$/, 'secure.yaml')) ?? {};
  return Object.fromEntries(
    Object.entries(clouds).map(([name, cloud]) => {
      const secret = secrets[name];
      return [name, secret === undefined ? cloud : { ...cloud, ...secret, auth: { ...cloud.auth, ...secret.auth } }];
    }),
  );
}

function readCloudsFile(path: string): Record<string, Cloud> | undefined {
  if (!existsSync(path)) return undefined;
  try {
    return cloudsSchema.parse(parse(readFileSync(path, 'utf8')) ?? {}).clouds;
  } catch (error) {
    throw new CommandError(`${path} cannot be read as a clouds.yaml.`, { cause: error });
  }
}

function environmentCloud(environment: NodeJS.ProcessEnv): Cloud {
  const read = (name: string): string | undefined => nonEmpty(environment[name]);
  const fields = Object.keys(authSchema.shape).map((field) => [field, read(`OS_${field.toUpperCase()}`)]);
  const auth = Object.fromEntries(fields.filter(([, value]) => value !== undefined)) as Auth;
  return {
    // Openrc files of older releases say tenant where they mean project.
    auth: { project_name: read('OS_TENANT_NAME'), project_id: read('OS_TENANT_ID'), ...auth },
    region_name: read('OS_REGION_NAME'),
    interface: read('OS_INTERFACE') ?? read('OS_ENDPOINT_TYPE'),
    cacert: read('OS_CACERT'),
  };
}

function access(cloud: Cloud, source: string): CloudAccess {
  const { auth } = cloud;
  if (auth.auth_url === undefined) throw new CommandError(`${source}: auth_url is missing.`);
  return {
    authUrl: auth.auth_url,
    identity: readIdentity(auth, source),
    scope: { id: auth.project_id, name: auth.project_name, domain: domainOf(auth, 'project') },
    regionName: cloud.region_name,
    interface: (cloud.interface ?? 'public').replace(/URL$/, ''),
    caFile: cloud.cacert,
    isVerified: cloud.verify !== false,
  };
}

function readIdentity(auth: Auth, source: string): UserIdentity {
  if (auth.application_credential_id !== undefined && auth.application_credential_secret !== undefined) {
    const { application_credential_id: id, application_credential_secret: secret } = auth;
    return { method: 'application_credential', id, secret };
  }
  if (auth.token !== undefined) return { method: 'token', token: auth.token };
  if (auth.password === undefined || (auth.username === undefined && auth.user_id === undefined)) {
    throw new CommandError(`${source}: a user name and a password are needed to log in.`);
  }
  const user = { id: auth.user_id, name: auth.username };
  return { method: 'password', user, domain: domainOf(auth, 'user'), password: auth.password };
}

function domainOf(auth: Auth, whose: 'user' | 'project'): Named {
  const id = (whose === 'user' ? auth.user_domain_id : auth.project_domain_id) ?? auth.domain_id;
  const name = (whose === 'user' ? auth.user_domain_name : auth.project_domain_name) ?? auth.domain_name;
  return id === undefined && name === undefined ? { id: 'default' } : { id, name };
}

function nonEmpty(value: string | undefined): string | undefined {
  return value === '' ? undefined : value;
}
