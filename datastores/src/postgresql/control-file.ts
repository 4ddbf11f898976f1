// What a data directory says of itself while no server runs, by pg_controldata; and its name, which is written anew.
import crc32c from 'crc-32/crc32c.js';

export interface ControlFile {
  /** What all copies of a database share, and no two databases. */
  readonly systemIdentifier: bigint;
  /** The newest timeline that the directory has records of, as far as a stopped server wrote it down. */
  readonly timeline: number;
  /** The primary's settings as its log told them, by name: a standby must not have less. */
  readonly room: Readonly<Record<string, number>>;
  /** Until the log is replayed to here, what is in the directory does not fit together. */
  readonly minimumRecoveryEnd: { readonly timeline: number; readonly lsn: string };
}

/** As pg_controldata calls them. */
const ROOM_FIELDS = {
  max_connections: 'max_connections setting',
  max_worker_processes: 'max_worker_processes setting',
  max_prepared_transactions: 'max_prepared_xacts setting',
  max_locks_per_transaction: 'max_locks_per_xact setting',
} as const;

/** @throws Error when the text is not pg_controldata's. */
export function readControlFile(text: string): ControlFile {
  const field = (name: string): string => {
    const match = new RegExp(`^${name}:\\s+(\\d+)$`, 'm').exec(text);
    if (match?.[1] === undefined) throw new Error(`pg_controldata did not tell "${name}".`);
    return match[1];
  };
  const end = /^Minimum recovery ending location:\s+([0-9A-F]+\/[0-9A-F]+)$/m.exec(text)?.[1];
  if (end === undefined) throw new Error('pg_controldata did not tell the minimum recovery ending location.');
  const timelines = ["Latest checkpoint's TimeLineID", "Min recovery ending loc's timeline"];
  return {
    systemIdentifier: BigInt(field('Database system identifier')),
    timeline: Math.max(...timelines.map((name) => Number(field(name)))),
    room: Object.fromEntries(Object.entries(ROOM_FIELDS).map(([name, title]) => [name, Number(field(title))])),
    minimumRecoveryEnd: { timeline: Number(field("Min recovery ending loc's timeline")), lsn: end },
  };
}

/** ControlFileData ends with its checksum; PG_CONTROL_MAX_SAFE_SIZE is a disk's sector. */
const MAX_SAFE_SIZE = 512;
const IDENTIFIER_BYTES = 8;
const CRC_BYTES = 4;

/**
 * The bytes of `global/pg_control` with another system identifier: it stands first in ControlFileData, and a CRC-32C of
 * all before it last (PostgreSQL's `src/include/catalog/pg_control.h`). Where the structure ends differs between versions,
 * so that is found by the checksum being right.
 * @throws Error when no checksum in them is right
 */
export function withSystemIdentifier(control: Buffer, identifier: bigint): Buffer {
  const changed = Buffer.from(control);
  for (let end = IDENTIFIER_BYTES; end + CRC_BYTES <= Math.min(MAX_SAFE_SIZE, control.length); end += CRC_BYTES) {
    if (checksum(control.subarray(0, end)) !== control.readUInt32LE(end)) continue;
    changed.writeBigUInt64LE(identifier, 0);
    changed.writeUInt32LE(checksum(changed.subarray(0, end)), end);
    return changed;
  }
  throw new Error('The control file has no checksum that is right.');
}

function checksum(bytes: Buffer): number {
  return crc32c.buf(bytes) >>> 0;
}
