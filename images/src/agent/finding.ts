// What this member tells the clients of its engine about who leads, where the engine has a way of its own to ask.
import type { Discovery, DiscoveryView, EngineDriver } from '@argosy/datastores/drivers';
import type { Logger } from 'pino';
import type { MemberCertificates } from './certificates.ts';
import type { AgentConfig } from './config.ts';
import type { Lead } from './primary-watch.ts';
import type { MemberState } from './state.ts';

export interface FindingParts {
  readonly config: Pick<AgentConfig, 'address' | 'userData'>;
  readonly engine: EngineDriver;
  readonly certificates: Pick<MemberCertificates, 'current'>;
  readonly state: () => MemberState;
  readonly lead: () => Lead | undefined;
  readonly log: Logger;
}

const NOTHING: Discovery = {
  listen: async () => undefined,
  look: () => undefined,
  renew: () => undefined,
  close: () => undefined,
};

/** Answers as soon as it listens; where the engine has no such way, or this member no data, nobody does. */
export async function openDiscovery(parts: FindingParts): Promise<Discovery> {
  const { config, engine, certificates, state, lead, log } = parts;
  const { kind, datastore_port: port } = config.userData;
  const make = engine.discovery;
  if (make === undefined || kind === 'arbiter') return NOTHING;
  const { address } = config;
  const view = (): DiscoveryView => viewOf(state(), { address, port }, lead());
  const discovery = make({ address, view, certificate: certificates.current });
  // Without it the database has its addresses still.
  await discovery.listen().catch((error: unknown) => log.error({ error }, 'Nobody answers who leads.'));
  return discovery;
}

/** A replica knows itself and its primary; a primary knows all that copy it. */
export function viewOf(
  { memberId, role }: Pick<MemberState, 'memberId' | 'role'>,
  place: { readonly address: string; readonly port: number },
  lead: Lead | undefined,
): DiscoveryView {
  const own = { memberId, ...place };
  if (role?.kind === 'primary') return { own, primary: lead, replicas: role.peers, others: role.peers };
  const others = role === null ? [] : [role.upstream];
  return { own, primary: lead, replicas: lead === undefined ? [] : [own], others };
}
