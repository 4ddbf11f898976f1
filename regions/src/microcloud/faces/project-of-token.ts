// Whose a token is, as the real Keystone tells it. What it told is believed for a while: Heat asks many things with one
// token.
import type { Clock } from '@argosy/proto';
import { createHttp } from '../../openstack/http.ts';
import { Keystone } from '../../openstack/keystone.ts';
import type { ProjectOfToken } from './faces.ts';

const BELIEVED_MS = 60_000;
const MAX_KNOWN = 1_000;

/** The answer to that question, and what ends its connections. */
export function projectOfTokenAt(
  keystoneUrl: string,
  region: string,
  clock: Clock,
): { readonly projectOf: ProjectOfToken; close(): Promise<void> } {
  const http = createHttp();
  // Nobody signs in here: a token is the proof that it is asked with.
  const credential = { kind: 'password', user: { id: '' }, password: '', project: { id: '' } } as const;
  const keystone = new Keystone({ authUrl: keystoneUrl, region, interface: 'public', credential }, http.fetch, clock);
  const known = new Map<string, { readonly projectId: string; readonly untilMs: number }>();
  const projectOf: ProjectOfToken = async (token) => {
    if (token === '') return undefined;
    const before = known.get(token);
    if (before !== undefined && before.untilMs > clock.monotonicMs()) return before.projectId;
    const projectId = (await keystone.validate(token))?.projectId;
    if (projectId === undefined) return undefined;
    if (known.size >= MAX_KNOWN) known.clear();
    known.set(token, { projectId, untilMs: clock.monotonicMs() + BELIEVED_MS });
    return projectId;
  };
  return { projectOf, close: () => http.close() };
}
