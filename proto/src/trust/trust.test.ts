import * as grpc from '@grpc/grpc-js';
import test from 'ava';
import { PeerServiceClient, PeerServiceService } from '../generated/argosy/gateway/v1/peer.ts';
import { createRoot, createSigningRequest, issueLeaf, type KeyPair, signIntermediate } from './certificates.ts';
import { accessControl, callUnary, channelCredentials, channelOptions, serverCredentials } from './channel.ts';
import { certificateIdentity, type Identity, identityUri, parseIdentity, serverName } from './identity.ts';

const now = new Date();
const validity = { now, days: 1 };
const federation = 'test';
const path = '/argosy.gateway.v1.PeerService/Forward';
const gateway: Identity = { kind: 'gateway', federation, peer: 'peer-1' };
const executor: Identity = { kind: 'executor', federation, region: 'north' };

async function region(root: KeyPair, name: string): Promise<KeyPair> {
  const { request, key } = await createSigningRequest(name);
  return { certificate: await signIntermediate(root, { request, federation, region: name, now }), key };
}

/** Serves one method that only a gateway peer may call, and calls it with the given certificate. */
async function call(options: { server: KeyPair; client: KeyPair; root: KeyPair; name: string }): Promise<number> {
  const server = new grpc.Server({ interceptors: [accessControl({ [path]: (caller) => caller.kind === 'gateway' })] });
  server.addService(PeerServiceService, {
    forward: (_call: unknown, callback: grpc.sendUnaryData<unknown>) =>
      callback(null, { status: 200, headers: {}, body: Buffer.alloc(0) }),
  });
  const root = options.root.certificate;
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', serverCredentials({ ...options.server, root }), (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
  const credentials = channelCredentials({ ...options.client, root });
  const client = new PeerServiceClient(`127.0.0.1:${port}`, credentials, channelOptions(options.name));
  try {
    const request = {
      caller: undefined,
      requestId: '',
      route: '',
      parameters: {},
      query: {},
      headers: {},
      body: Buffer.alloc(0),
    };
    const deadline = new Date(Date.now() + 5_000);
    const response = await callUnary(client.forward.bind(client), request, { deadline });
    return response.status;
  } catch (error) {
    return -(error as grpc.ServiceError).code;
  } finally {
    client.close();
    server.forceShutdown();
  }
}

test('an identity survives its way through a URI', (t) => {
  const member: Identity = { kind: 'member', federation, region: 'north', clusterId: 'c1', memberId: 'c1-2' };
  for (const identity of [gateway, executor, member]) t.deepEqual(parseIdentity(identityUri(identity)), identity);
  t.is(parseIdentity('spiffe://test/gateway/a/b'), undefined);
  t.is(parseIdentity('https://test/north/executor'), undefined);
});

test('a name in a region counts only when that region signed it', (t) => {
  const subjectaltname = `URI:${identityUri(executor)}`;
  t.deepEqual(certificateIdentity({ subjectaltname, issuer: { CN: 'argosy region north' } }), executor);
  t.is(certificateIdentity({ subjectaltname, issuer: { CN: 'argosy region south' } }), undefined);
  t.is(
    certificateIdentity({ subjectaltname: `URI:${identityUri(gateway)}`, issuer: { CN: 'argosy region north' } }),
    undefined,
  );
});

test('a method answers the identities it names and refuses the others', async (t) => {
  const root = await createRoot(federation, now);
  const north = await region(root, 'north');
  const server = await issueLeaf(north, { identity: executor, validity });
  const peer = await issueLeaf(root, { identity: gateway, validity });

  t.is(await call({ root, server, client: peer, name: serverName(executor) }), 200);
  t.is(await call({ root, server, client: server, name: serverName(executor) }), -grpc.status.PERMISSION_DENIED);
});

test('a region cannot sign for another region, for the gateway, or by another root', async (t) => {
  const root = await createRoot(federation, now);
  const [north, south] = [await region(root, 'north'), await region(root, 'south')];
  const peer = await issueLeaf(root, { identity: gateway, validity });
  const server = await issueLeaf(north, { identity: executor, validity });

  const impostorServer = await issueLeaf(south, { identity: executor, validity });
  t.is(
    await call({ root, server: impostorServer, client: peer, name: serverName(executor) }),
    -grpc.status.UNAVAILABLE,
  );
  const impostorPeer = await issueLeaf(south, { identity: gateway, validity });
  t.true((await call({ root, server, client: impostorPeer, name: serverName(executor) })) < 0);
  const stranger = await issueLeaf(await createRoot(federation, now), { identity: gateway, validity });
  t.is(await call({ root, server, client: stranger, name: serverName(executor) }), -grpc.status.UNAVAILABLE);
});
