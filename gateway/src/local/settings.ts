// What is drawn at a federation's first start and stays: its name, its slot, its users' passwords, its projects.
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { StartError } from './errors.ts';
import { REGION_NAMES, type RegionName } from './layout.ts';

export const PROJECT_NAMES = ['admin', 'demo', 'service'] as const;

const region = z.object({
  projects: z.object({ admin: z.string(), demo: z.string(), service: z.string() }),
  executorPassword: z.string(),
  regionKey: z.string(),
});

const settingsSchema = z.object({
  /** The federation's name, in every certificate. */
  federation: z.string(),
  slot: z.int().min(0),
  /** Where volumes and engines are. */
  dataFolder: z.string(),
  passwords: z.object({ admin: z.string(), demo: z.string(), viewer: z.string() }),
  /** The regions with a real Keystone and a real Heat: their stacks are there and nowhere else. */
  openstack: z.array(z.enum(REGION_NAMES)).default([]),
  /** Each region has a network of its own: the members' addresses are there and nowhere else. */
  isNetworked: z.boolean().default(false),
  /** Members of these are dialled at other addresses than they bind. */
  translated: z.array(z.enum(REGION_NAMES)).default([]),
  regions: z.object({ north: region, south: region, west: region } satisfies Record<RegionName, typeof region>),
});

export type Settings = z.infer<typeof settingsSchema>;
export type RegionSettings = z.infer<typeof region>;

const NAME_BYTES = 4;
const PROJECT_ID_BYTES = 16;
const PASSWORD_BYTES = 18;
const REGION_KEY_BYTES = 32;

/** Draws everything that a new federation needs. */
export function drawSettings(
  slot: number,
  dataFolder: string,
  random: (size: number) => Buffer = randomBytes,
): Settings {
  const password = (): string => random(PASSWORD_BYTES).toString('base64url');
  const projectId = (): string => random(PROJECT_ID_BYTES).toString('hex');
  const drawRegion = (): RegionSettings => ({
    projects: { admin: projectId(), demo: projectId(), service: projectId() },
    executorPassword: password(),
    regionKey: random(REGION_KEY_BYTES).toString('hex'),
  });
  return {
    federation: `local-${random(NAME_BYTES).toString('hex')}`,
    slot,
    dataFolder,
    openstack: [],
    isNetworked: false,
    translated: [],
    passwords: { admin: password(), demo: password(), viewer: password() },
    regions: Object.fromEntries(REGION_NAMES.map((name) => [name, drawRegion()])) as Settings['regions'],
  };
}

/** Reads what an earlier start has drawn; undefined when there was none. @throws StartError */
export function readSettings(path: string): Settings | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw new StartError(`${path} cannot be read.`, { cause: error });
  }
  try {
    return settingsSchema.parse(JSON.parse(text));
  } catch (error) {
    throw new StartError(`${path} is damaged; "npm start -- --fresh" begins anew.`, { cause: error });
  }
}

/** The slot that a home has written down; undefined when it has none. @throws when that cannot be read */
export function slotOfHome(settingsFile: string): number | undefined {
  try {
    return settingsSchema.pick({ slot: true }).parse(JSON.parse(readFileSync(settingsFile, 'utf8'))).slot;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR');
}
