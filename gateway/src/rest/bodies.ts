// Reads bodies: JSON in UTF-8, of a bounded size and depth, in which nothing is said twice. What another reader might
// understand differently is refused here, so that nothing behind has to be careful.
import type { IncomingMessage } from 'node:http';
import { ApiError } from './errors.ts';

export const MAX_BODY_BYTES = 256 * 1024;
export const MAX_DEPTH = 32;
/** A string, with the colon after it when it is a key; or a bracket. Only for text that is JSON. */
const TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*"\s*:?|[{}[\]]/g;

/**
 * The body's JSON; undefined when there is none. What is too large is not read to its end.
 * @throws ApiError request.too_large, request.not_json, request.unsupported, request.malformed
 */
export async function readBody(request: IncomingMessage): Promise<unknown> {
  const encoding = request.headers['content-encoding'] ?? 'identity';
  if (encoding.toLowerCase() !== 'identity')
    throw new ApiError('request.unsupported', `A body with Content-Encoding "${encoding}" is not read.`);
  const bytes = await readBytes(request);
  return bytes.length === 0 ? undefined : parseBody(bytes);
}

/** @throws ApiError request.not_json */
export function parseBody(bytes: Uint8Array): unknown {
  const text = decode(bytes);
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch (error) {
    const position = /position (\d+)/.exec(String(error))?.[1];
    const place = position === undefined ? 'it ends too early' : `the fault is at character ${Number(position) + 1}`;
    throw new ApiError('request.not_json', `The body is not JSON: ${place}.`, { cause: error });
  }
  inspect(text);
  return body;
}

async function readBytes(request: IncomingMessage): Promise<Buffer> {
  const tooLarge = new ApiError('request.too_large', `The body is larger than ${MAX_BODY_BYTES} bytes.`);
  if (Number(request.headers['content-length'] ?? 0) > MAX_BODY_BYTES) throw tooLarge;
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    // The connection outlives the refusal of a body: it has to carry the answer.
    for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > MAX_BODY_BYTES) throw tooLarge;
      chunks.push(chunk);
    }
  } catch (error) {
    if (error === tooLarge) throw error;
    throw new ApiError('request.malformed', 'The connection ended before the body did.', { cause: error });
  }
  return Buffer.concat(chunks);
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    throw new ApiError('request.not_json', 'The body is not JSON: it is not UTF-8.', { cause: error });
  }
}

/** Of two fields with one name readers take the first or the last, so neither is taken. */
function inspect(text: string): void {
  const open: Set<string>[] = [];
  for (const [token] of text.matchAll(TOKEN)) {
    if (token === '{' || token === '[') {
      open.push(new Set());
      if (open.length > MAX_DEPTH)
        throw new ApiError('request.not_json', `The body is nested deeper than ${MAX_DEPTH} levels.`);
    } else if (token === '}' || token === ']') {
      open.pop();
    } else {
      inspectString(token, open.at(-1));
    }
  }
}

function inspectString(token: string, keys: Set<string> | undefined): void {
  const isKey = token.endsWith(':');
  const value = JSON.parse(isKey ? token.slice(0, -1) : token) as string;
  if (value.includes('\0')) throw new ApiError('request.not_json', 'The body holds a NUL character.');
  if (!isKey) return;
  if (value === '__proto__') throw new ApiError('request.invalid', 'Unknown field "__proto__".');
  if (keys?.has(value)) throw new ApiError('request.not_json', `The body names the field "${value}" twice.`);
  keys?.add(value);
}
