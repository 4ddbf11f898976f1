// Whose a token is, and in which roles, as the real Keystone tells it. What it told is believed for a while: Heat asks
// many things with one token.
import type { Clock } from '@argosy/proto';
import { createHttp } from '../../openstack/http.ts';
import { Keystone } from '../../openstack/keystone.ts';
import type { Scope, ScopeOfToken } from './faces.ts';

const BELIEVED_MS = 60_000;
const MAX_KNOWN = 1_000;

/** The answer to that question, and what ends its connections. */
export function scopeOfTokenAt(
  keystoneUrl: string,
  region: string,
  clock: Clock,
): { readonly scopeOf: ScopeOfToken; close(): Promise<void> } {
  const http = createHttp();
  // Nobody signs in here: a token is the proof that it is asked with.
  const credential = { kind: 'password', user: { id: '' }, password: '', project: { id: '' } } as const;
  const keystone = new Keystone({ authUrl: keystoneUrl, region, interface: 'public', credential }, http.fetch, clock);
  const known = new Map<string, { readonly scope: Scope; readonly untilMs: number }>();
  const scopeOf: ScopeOfToken = async (token) => {
    if (token === '') return undefined;
    const before = known.get(token);
    if (before !== undefined && before.untilMs > clock.monotonicMs()) return before.scope;
    const { projectId, roles = [] } = (await keystone.validate(token)) ?? {};
    if (projectId === undefined) return undefined;
    const scope = { projectId, roles };
    if (known.size >= MAX_KNOWN) known.clear();
    known.set(token, { scope, untilMs: clock.monotonicMs() + BELIEVED_MS });
    return scope;
  };
  return { scopeOf, close: () => http.close() };
}
