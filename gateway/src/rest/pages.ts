// Pages of a list: `limit` at most, after the element whose id is `marker` (OpenStack API-SIG, "Pagination").
import { z } from 'zod';
import { invalidField } from './errors.ts';

export const DEFAULT_LIMIT = 100;
export const MAX_LIMIT = 1_000;
const LIMIT_RULE = `must be a whole number from 1 to ${MAX_LIMIT}`;

const limit = z
  .string()
  .refine((text) => /^\d{1,4}$/.test(text) && Number(text) >= 1 && Number(text) <= MAX_LIMIT, LIMIT_RULE)
  .meta({
    description: 'How many at most.',
    override: { type: 'integer', minimum: 1, maximum: MAX_LIMIT, default: DEFAULT_LIMIT },
  });

/** What every list takes. */
export const PAGE_QUERY = {
  limit,
  marker: z.string().min(1).max(255).meta({ description: 'The id of the last element of the page before.' }),
} as const;
export const LIMIT_QUERY = { limit } as const;

export const linksSchema = z
  .array(z.strictObject({ rel: z.literal('next'), href: z.string() }))
  .meta({ description: 'The way to the next page; empty on the last one.' });

/** @throws ApiError request.invalid */
export function readPage<Element extends { readonly id: string }>(
  elements: readonly Element[],
  query: Readonly<Record<string, string>>,
  path: string,
): { page: readonly Element[]; links: z.infer<typeof linksSchema> } {
  const count = readLimit(query.limit);
  const marker = query.marker;
  const start = marker === undefined ? 0 : elements.findIndex(({ id }) => id === marker) + 1;
  if (marker !== undefined && start === 0) throw invalidField('marker', `there is no "${marker}" in this list`);

  const page = elements.slice(start, start + count);
  const last = page.at(-1);
  if (last === undefined || start + count >= elements.length) return { page, links: [] };
  const next = new URLSearchParams({ ...query, limit: String(count), marker: last.id });
  return { page, links: [{ rel: 'next', href: `${path}?${next}` }] };
}

/** Of a `limit` that the shell has checked. */
export function readLimit(text: string | undefined): number {
  return text === undefined ? DEFAULT_LIMIT : Number(text);
}
