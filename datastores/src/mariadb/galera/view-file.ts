// What the engine notes of the last majority that it was in, to find it again after a crash of all. Pure.

/** True when it was a majority of itself alone: the others have left one after the other. */
export function isOfOneAlone(viewFile: string): boolean {
  const own = /^my_uuid: *(\S+)$/m.exec(viewFile)?.[1];
  const members = [...viewFile.matchAll(/^member: *(\S+)/gm)].map(([, uuid]) => uuid);
  return own !== undefined && members.length === 1 && members[0] === own;
}
