// What a member must not forget: who it is, the highest epoch that it has promised, what it is to be in it, and whether
// its data is whole. It lies on the volume, for it is the data directory that a promise binds.
import { join } from 'node:path';
import type { Files, Role } from '@argosy/datastores/drivers';
import * as z from 'zod';

const upstreamSchema = z.object({
  memberId: z.string(),
  address: z.string(),
  port: z.number().int(),
  serverName: z.string(),
});

const roleSchema = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('primary'),
    epoch: z.number().int().positive(),
    rule: z.object({
      voters: z.array(z.string()),
      acknowledgements: z.number().int().nonnegative(),
      generation: z.number().int().nonnegative(),
      // Of an asynchronous cluster: who lets the primary acknowledge.
      lease: z.object({ grantors: z.array(upstreamSchema), rpoSeconds: z.number().int().positive() }).optional(),
    }),
    peers: z.array(upstreamSchema),
    admin: z.object({ name: z.string(), verifier: z.string(), generation: z.number().int().nonnegative() }).nullable(),
  }),
  z.object({
    kind: z.literal('replica'),
    epoch: z.number().int().positive(),
    generation: z.number().int().nonnegative(),
    upstream: upstreamSchema,
  }),
]);

const tailSchema = z.object({
  bytes: z.number().int().nonnegative(),
  transactions: z.number().int().nonnegative().optional(),
  seconds: z.number().optional(),
  folder: z.string().nullable(),
});

const positionSchema = z.object({ epoch: z.number().int(), value: z.string() });

const dataSchema = z.discriminatedUnion('status', [
  z.object({ status: z.literal('empty') }),
  // Set before the first byte is written, so that a copy that was broken off is never taken for whole.
  z.object({ status: z.literal('incomplete') }),
  z.object({ status: z.literal('initialised') }),
  z.object({
    status: z.literal('copied'),
    idempotencyKey: z.string(),
    position: positionSchema,
    // Until it has flushed all that the primary held after the copy, it may lack what the member once acknowledged.
    isCaughtUp: z.boolean(),
    // How a rejoin brought it there, and in which epoch; absent where it was a seed.
    rejoin: z
      .object({
        method: z.enum(['rewound', 'copied']),
        reason: z.string(),
        epoch: z.number().int().nonnegative().default(0),
      })
      .optional(),
  }),
]);

const stateSchema = z.object({
  format: z.literal(1),
  clusterId: z.string(),
  memberId: z.string(),
  epoch: z.number().int().nonnegative(),
  generation: z.number().int().nonnegative(),
  specRevision: z.number().int().nonnegative(),
  data: dataSchema,
  role: roleSchema.nullable(),
  // Where the log ended when the member promised the epoch; null when it has a role in it.
  promise: positionSchema.nullable(),
  // What the server begins with; `trying` while it is not known whether it starts with others.
  parameters: z
    .object({
      generation: z.number().int().nonnegative(),
      values: z.record(z.string(), z.string()),
      trying: z.record(z.string(), z.string()).nullable(),
    })
    .default({ generation: 0, values: {}, trying: null }),
  // Where the engine rules itself: it counts this member among its own, and these others were the rest.
  seat: z
    .object({
      peers: z.array(upstreamSchema),
      // It has promised that its server does not run before it is told to, though a majority may be behind it again.
      isHeld: z.boolean().default(false),
    })
    .nullable()
    .default(null),
  // What the log held too much when the member last rejoined; saved before its data are touched.
  tail: tailSchema.nullable().default(null),
});

export interface MemberState extends Readonly<Omit<z.infer<typeof stateSchema>, 'role'>> {
  readonly role: Role | null;
}

/** A volume that this agent must not touch; a restart does not help. */
export class VolumeError extends Error {
  override readonly name = 'VolumeError';
}

const FOLDER_MODE = 0o700;
const FILE_MODE = 0o600;

export class StateFile {
  readonly #files: Files;
  readonly #path: string;
  #state: MemberState;

  private constructor(files: Files, path: string, state: MemberState) {
    this.#files = files;
    this.#path = path;
    this.#state = state;
  }

  /** Reads the state, or begins one on an empty volume. @throws VolumeError when the volume is not this member's. */
  static async open(volume: string, member: { clusterId: string; memberId: string }, files: Files): Promise<StateFile> {
    const folder = agentFolder(volume);
    const path = join(folder, 'state.json');
    const text = await files.readIfThere(path);
    if (text !== undefined) return new StateFile(files, path, readState(text, member));

    if (await hasData(files, volume)) {
      throw new VolumeError('The volume holds data, but no state of a member: it is not touched.');
    }
    await files.ensureFolder(folder, { mode: FOLDER_MODE });
    const file = new StateFile(files, path, {
      ...{ format: 1, clusterId: member.clusterId, memberId: member.memberId, epoch: 0, generation: 0 },
      ...{ specRevision: 0, data: { status: 'empty' }, role: null, promise: null, seat: null, tail: null },
      parameters: { generation: 0, values: {}, trying: null },
    });
    await file.change({});
    return file;
  }

  get state(): MemberState {
    return this.#state;
  }

  /** The change counts when it is on the disk. */
  async change(change: Partial<Omit<MemberState, 'format' | 'clusterId' | 'memberId'>>): Promise<void> {
    const next = { ...this.#state, ...change };
    await this.#files.writeDurably(this.#path, `${JSON.stringify(next, undefined, 2)}\n`, { mode: FILE_MODE });
    this.#state = next;
  }
}

/** Every driver keeps its server's data there. */
async function hasData(files: Files, volume: string): Promise<boolean> {
  try {
    return (await files.list(join(volume, 'data'))).length > 0;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

/** The agent's own folder on the volume, which the database's user cannot enter. */
export function agentFolder(volume: string): string {
  return join(volume, 'agent');
}

function readState(text: string, member: { clusterId: string; memberId: string }): MemberState {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    throw new VolumeError("The volume's state is torn: it is not JSON. Nothing on the volume is touched.", {
      cause: error,
    });
  }
  const result = stateSchema.safeParse(parsed);
  if (!result.success) {
    const wrong = result.error.issues.map((issue) => issue.path.join('.') || 'it').join(', ');
    throw new VolumeError(`The volume's state is not one that this agent knows (${wrong}). Nothing is touched.`);
  }
  const { memberId, clusterId } = result.data;
  if (memberId !== member.memberId || clusterId !== member.clusterId) {
    throw new VolumeError(`The volume is that of member ${memberId}, not of ${member.memberId}. Nothing is touched.`);
  }
  return result.data;
}
