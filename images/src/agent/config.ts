// What boots a member tells its agent everything by these variables and by the user data; nothing else reads them.
import { readFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { resolve } from 'node:path';
import { type DatabaseOwner, type Engine, readIfThere } from '@argosy/datastores/drivers';
import { type Identity, parseIdentity } from '@argosy/proto';
import * as z from 'zod';

const userDataSchema = z.object({
  federation: z.string().min(1),
  region: z.string().min(1),
  cluster_id: z.string().min(1),
  member_id: z.string().min(1),
  kind: z.enum(['voter', 'replica', 'arbiter']),
  datastore: z.string().min(1),
  version: z.string().min(1),
  executor: z.string().startsWith('spiffe://'),
  root_certificate: z.string().includes('BEGIN CERTIFICATE'),
  enrolment_token: z.string().min(32),
  datastore_port: z.number().int().min(1).max(65_535),
  /** Of an asynchronous cluster: clients come in through a door that counts the primary's lease. */
  door: z.boolean().optional(),
  /** The engine has a quorum of its own. */
  engine_ruled: z.boolean().optional(),
  /** Of the guest's flavor; without it the database is as small as it can be. */
  memory_mib: z.number().int().positive().optional(),
});

const environmentSchema = z.object({
  ARGOSY_USER_DATA: z.string().min(1),
  ARGOSY_VOLUME: z.string().min(1),
  ARGOSY_ADDRESS: z.string().min(1),
  ARGOSY_RUN_DIRECTORY: z.string().min(1),
  ARGOSY_ENGINES_FILE: z.string().min(1),
  ARGOSY_LIFELINE: z.string().min(1).optional(),
  ARGOSY_DATABASE_USER: z.string().min(1).optional(),
});

const enginesSchema = z.record(
  z.string(),
  z.record(
    z.string(),
    z.object({
      bin: z.string().min(1),
      libraryPath: z.string().min(1).nullable(),
      template: z.string().min(1).optional(),
    }),
  ),
);

export type UserData = z.infer<typeof userDataSchema>;

export interface AgentConfig {
  readonly userData: UserData;
  readonly member: Extract<Identity, { kind: 'member' }>;
  readonly executor: Extract<Identity, { kind: 'executor' }>;
  readonly volume: string;
  readonly address: string;
  readonly runFolder: string;
  readonly engine: Engine;
  readonly lifeline: string | undefined;
  readonly owner: DatabaseOwner;
}

/** What is wrong with what the agent was started with; a restart does not help. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/** The image has not got the engine; it can be fetched. */
export class EngineMissingError extends Error {
  override readonly name = 'EngineMissingError';
}

/** @throws EngineMissingError; ConfigError that names what is missing or wrong, and never a value that may be a secret. */
export async function readConfig(environment: NodeJS.ProcessEnv): Promise<AgentConfig> {
  const variables = check('The environment', environmentSchema, environment);
  const userData = check('The user data', userDataSchema, await readJson(variables.ARGOSY_USER_DATA));
  const listed = await readIfThere(variables.ARGOSY_ENGINES_FILE);
  const engines =
    listed === undefined
      ? {}
      : check('The list of engines', enginesSchema, parse(listed, variables.ARGOSY_ENGINES_FILE));
  const engine = engines[userData.datastore]?.[userData.version];
  if (engine === undefined) {
    throw new EngineMissingError(
      `No engine for ${userData.datastore} ${userData.version} in ${variables.ARGOSY_ENGINES_FILE}.`,
    );
  }
  const executor = parseIdentity(userData.executor);
  if (executor?.kind !== 'executor') throw new ConfigError('The user data names an executor that is none.');

  const { federation, region, cluster_id: clusterId, member_id: memberId } = userData;
  return {
    userData,
    member: { kind: 'member', federation, region, clusterId, memberId },
    executor,
    volume: resolve(variables.ARGOSY_VOLUME),
    address: variables.ARGOSY_ADDRESS,
    runFolder: resolve(variables.ARGOSY_RUN_DIRECTORY),
    engine: { version: userData.version, ...engine },
    lifeline: variables.ARGOSY_LIFELINE,
    owner: await findOwner(variables.ARGOSY_DATABASE_USER),
  };
}

/** As root the database runs as a user without privileges; as anyone else it runs as oneself. */
async function findOwner(wanted: string | undefined): Promise<DatabaseOwner> {
  const agentUser = userInfo().username;
  if (process.getuid?.() !== 0) return { uid: undefined, gid: undefined, agentUser };

  const users = ((await readIfThere('/etc/passwd')) ?? '').split('\n').map((line) => line.split(':'));
  for (const name of wanted === undefined ? ['postgres', 'nobody'] : [wanted]) {
    const user = users.find(([known]) => known === name);
    if (user !== undefined) return { uid: Number(user[2]), gid: Number(user[3]), agentUser };
  }
  throw new ConfigError(`There is no user "${wanted ?? 'nobody'}" to run the database as.`);
}

async function readJson(path: string): Promise<unknown> {
  try {
    return parse(await readFile(path, 'utf8'), path);
  } catch (error) {
    throw new ConfigError(`${path} cannot be read as JSON.`, { cause: error });
  }
}

function parse(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new ConfigError(`${path} cannot be read as JSON.`, { cause: error });
  }
}

function check<Output>(what: string, schema: z.ZodType<Output>, value: unknown): Output {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const wrong = result.error.issues.map((issue) => issue.path.join('.') || 'it').join(', ');
  throw new ConfigError(`${what} is not as it should be: ${wrong}.`);
}
