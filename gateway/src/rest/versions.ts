// The version documents: `/` lists the versions in OpenStack's shape, `/v2` shows one. Nobody need be known to read them.
import { z } from 'zod';

export const MICROVERSION = '2.0';
const UPDATED = '2026-11-22T00:00:00Z';

const versionSchema = z
  .strictObject({
    id: z.literal('v2.0'),
    status: z.literal('CURRENT'),
    version: z.string(),
    min_version: z.string(),
    updated: z.iso.datetime(),
    links: z.array(z.strictObject({ rel: z.literal('self'), href: z.string() })),
  })
  .meta({ id: 'Version' });
export const versionsAnswer = z.strictObject({ versions: z.array(versionSchema) });
export const versionAnswer = z.strictObject({ version: versionSchema });

export function versionsDocument(origin: string): z.infer<typeof versionsAnswer> {
  return { versions: [versionOf(origin)] };
}

export function versionDocument(origin: string): z.infer<typeof versionAnswer> {
  return { version: versionOf(origin) };
}

function versionOf(origin: string): z.infer<typeof versionSchema> {
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
