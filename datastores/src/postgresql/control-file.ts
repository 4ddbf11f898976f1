// What a data directory says of itself while no server runs, by pg_controldata.

export interface ControlFile {
  /** The newest timeline that the directory has records of, as far as a stopped server wrote it down. */
  readonly timeline: number;
  /** The primary's setting as its log told it: a standby must not have less. */
  readonly maxConnections: number;
}

/** @throws Error when the text is not pg_controldata's. */
export function readControlFile(text: string): ControlFile {
  const field = (name: string): number => {
    const match = new RegExp(`^${name}:\\s+(\\d+)$`, 'm').exec(text);
    if (match === null) throw new Error(`pg_controldata did not tell "${name}".`);
    return Number(match[1]);
  };
  const timeline = Math.max(field("Latest checkpoint's TimeLineID"), field("Min recovery ending loc's timeline"));
  return { timeline, maxConnections: field('max_connections setting') };
}
