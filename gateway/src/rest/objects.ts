// Bodies that are read by a schema, and what is wrong with one in a sentence.
import { z } from 'zod';
import { ApiError, type Violation } from './errors.ts';

const MAX_VIOLATIONS = 20;

/** For a request whose body, if there is one, says nothing. */
export const emptyBody = z.strictObject({});

/** The body as its schema has it. @throws ApiError request.invalid, naming the field */
export function readObject<Schema extends z.ZodType>(body: unknown, schema: Schema): z.output<Schema> {
  const parsed = schema.safeParse(body);
  if (!parsed.success) {
    throw new ApiError('request.invalid', explainIssue(parsed.error), { violations: violationsOf(parsed.error) });
  }
  return parsed.data;
}

/** Everything that is wrong, by field. */
function violationsOf({ issues }: z.ZodError): Violation[] {
  return issues.slice(0, MAX_VIOLATIONS).flatMap((issue) =>
    issue.code === 'unrecognized_keys'
      ? issue.keys.slice(0, MAX_VIOLATIONS).map((key) => ({
          field: [...issue.path, key].join('.'),
          message: 'is not known',
        }))
      : [{ field: issue.path.join('.'), message: issue.message }],
  );
}

/** The first thing that is wrong, in a sentence that names the field. */
export function explainIssue(error: z.ZodError): string {
  const issue = error.issues[0];
  if (issue === undefined) return 'The body is not what it should be.';
  if (issue.code === 'unrecognized_keys') return `Unknown field "${[...issue.path, issue.keys[0]].join('.')}".`;
  const path = issue.path.join('.');
  return path === '' ? `The body: ${issue.message}.` : `${path}: ${issue.message}.`;
}
