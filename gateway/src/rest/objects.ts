// Small bodies: an object of known fields, each of them optional.
import { z } from 'zod';
import { ApiError } from './errors.ts';

/** @throws ApiError request.invalid, naming the field */
export function readObject<Name extends string>(
  body: unknown,
  fields: Readonly<Record<Name, 'string' | 'boolean'>>,
): Partial<Record<Name, string>> {
  const shape = Object.fromEntries(
    Object.entries(fields).map(([name, type]) => [
      name,
      (type === 'string' ? z.string().max(255) : z.boolean()).optional(),
    ]),
  );
  const parsed = z.strictObject(shape).safeParse(body);
  if (!parsed.success) throw new ApiError('request.invalid', explainIssue(parsed.error));
  return parsed.data as Partial<Record<Name, string>>;
}

/** The first thing that is wrong, in a sentence that names the field. */
export function explainIssue(error: z.ZodError): string {
  const issue = error.issues[0];
  if (issue === undefined) return 'The body is not what it should be.';
  if (issue.code === 'unrecognized_keys') return `Unknown field "${[...issue.path, issue.keys[0]].join('.')}".`;
  const path = issue.path.join('.');
  return path === '' ? `The body: ${issue.message}.` : `${path}: ${issue.message}.`;
}
