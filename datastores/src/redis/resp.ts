// Redis' wire protocol, as a server writes it: in version 2 maps are flat arrays, and messages are arrays too.
// https://redis.io/docs/latest/develop/reference/protocol-spec/

export type Reply =
  | string
  | number
  | null
  | { readonly simple: string }
  | { readonly error: string }
  | { readonly message: readonly Reply[] }
  | { readonly fields: readonly (readonly [string, Reply])[] }
  | readonly Reply[];

export type Protocol = 2 | 3;

/** Null is an array's in version 2, for no reply here has an absent string. */
export function encode(reply: Reply, protocol: Protocol): string {
  if (reply === null) return protocol === 3 ? '_\r\n' : '*-1\r\n';
  if (typeof reply === 'number') return `:${reply}\r\n`;
  if (typeof reply === 'string') return `$${Buffer.byteLength(reply)}\r\n${reply}\r\n`;
  if ('simple' in reply) return `+${reply.simple}\r\n`;
  if ('error' in reply) return `-${reply.error}\r\n`;
  if ('message' in reply) return list(protocol === 3 ? '>' : '*', reply.message, protocol);
  if (!('fields' in reply)) return list('*', reply, protocol);
  const flat = reply.fields.flatMap(([key, value]) => [encode(key, protocol), encode(value, protocol)]);
  return `${protocol === 3 ? `%${reply.fields.length}` : `*${flat.length}`}\r\n${flat.join('')}`;
}

function list(mark: string, items: readonly Reply[], protocol: Protocol): string {
  return `${mark}${items.length}\r\n${items.map((item) => encode(item, protocol)).join('')}`;
}
