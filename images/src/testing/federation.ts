// What stands around a member in a test: a federation's root, one region, its executor.
import {
  createRoot,
  createSigningRequest,
  enrolmentToken,
  type Identity,
  identityUri,
  issueLeaf,
  type KeyPair,
  signIntermediate,
} from '@argosy/proto';

const FEDERATION = 'test';
const REGION = 'north';

export interface Federation {
  readonly federation: string;
  readonly region: string;
  readonly root: string;
  /** The region's authority. */
  readonly authority: KeyPair;
  readonly executor: Extract<Identity, { kind: 'executor' }>;
  readonly executorUri: string;
  readonly executorKeys: KeyPair;
  token(memberId: string): string;
  /** A certificate of this federation for anybody. */
  issue(identity: Identity): Promise<KeyPair>;
}

export async function newFederation(): Promise<Federation> {
  const now = new Date();
  const root = await createRoot(FEDERATION, now);
  const { request, key } = await createSigningRequest(REGION);
  const certificate = await signIntermediate(root, { request, federation: FEDERATION, region: REGION, now });
  const authority = { certificate, key };
  const executor = { kind: 'executor', federation: FEDERATION, region: REGION } as const;
  const issue = (identity: Identity): Promise<KeyPair> =>
    issueLeaf(identity.kind === 'gateway' ? root : authority, { identity, validity: { now, days: 1 } });
  return {
    ...{ federation: FEDERATION, region: REGION, root: root.certificate, authority, executor, issue },
    executorUri: identityUri(executor),
    executorKeys: await issue(executor),
    token: (memberId) => enrolmentToken(authority.key, memberId),
  };
}
