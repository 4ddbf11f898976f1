// Pages of a list: `limit` at most, after the element whose id is `marker` (OpenStack API-SIG, "Pagination").
import { ApiError } from './errors.ts';

export const DEFAULT_LIMIT = 100;
export const MAX_LIMIT = 1_000;

/** @throws ApiError request.invalid */
export function readPage<Element extends { readonly id: string }>(
  elements: readonly Element[],
  query: Readonly<Record<string, string>>,
  path: string,
): { page: readonly Element[]; links: readonly { rel: string; href: string }[] } {
  const limit = readLimit(query.limit);
  const marker = query.marker;
  const start = marker === undefined ? 0 : elements.findIndex(({ id }) => id === marker) + 1;
  if (marker !== undefined && start === 0)
    throw new ApiError('request.invalid', `marker: there is no "${marker}" in this list.`);

  const page = elements.slice(start, start + limit);
  const last = page.at(-1);
  if (last === undefined || start + limit >= elements.length) return { page, links: [] };
  const next = new URLSearchParams({ ...query, limit: String(limit), marker: last.id });
  return { page, links: [{ rel: 'next', href: `${path}?${next}` }] };
}

/** @throws ApiError request.invalid */
export function readLimit(text: string | undefined): number {
  if (text === undefined) return DEFAULT_LIMIT;
  const limit = Number(text);
  if (!Number.isInteger(limit) || limit < 1 || limit > MAX_LIMIT) {
    throw new ApiError('request.invalid', `limit: must be a whole number from 1 to ${MAX_LIMIT}.`);
  }
  return limit;
}
