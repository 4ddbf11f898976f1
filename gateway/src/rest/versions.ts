// The version documents: `/` lists the versions in OpenStack's shape, `/v2` shows one. Nobody need be known to read them.

export const MICROVERSION = '2.0';
const UPDATED = '2026-11-22T00:00:00Z';

export function versionsDocument(origin: string): object {
  return { versions: [versionOf(origin)] };
}

export function versionDocument(origin: string): object {
  return { version: versionOf(origin) };
}

function versionOf(origin: string): object {
  return {
    id: 'v2.0',
    status: 'CURRENT',
    version: MICROVERSION,
    min_version: MICROVERSION,
    updated: UPDATED,
    links: [{ rel: 'self', href: `${origin}/v2/` }],
  };
}

/** True when the request asks for no microversion of ours, or for one that there is. */
export function isMicroversionKnown(header: string | undefined): boolean {
  const asked = /(?:^|,)\s*database\s+([^\s,]+)/.exec(header ?? '')?.[1];
  return asked === undefined || asked === MICROVERSION || asked === 'latest';
}
