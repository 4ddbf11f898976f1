// Who may call what: every method of the executor's port, asked by every identity. The table is the documentation's.
import {
  channelCredentials,
  channelOptions,
  createRoot,
  createSigningRequest,
  type Identity,
  issueLeaf,
  type KeyPair,
  serverName,
  signIntermediate,
} from '@argosy/proto';
import * as grpc from '@grpc/grpc-js';
import test from 'ava';
import { FEDERATION, GATEWAY, REGION, type Trust, wholeRegion } from '../testing/region.ts';

const DAYS_AGO_MS = 10 * 86_400_000;
const DEADLINE_MS = 20_000;
const EMPTY = Buffer.alloc(0);
const EXECUTOR = '/argosy.region.v1.ExecutorService';
/** ServerReflectionRequest { list_services: "*" } */
const LIST_SERVICES = Buffer.from([0x3a, 1, 0x2a]);

const METHODS = {
  [`${EXECUTOR}/EnsureMember`]: 'unary',
  [`${EXECUTOR}/RemoveMember`]: 'unary',
  [`${EXECUTOR}/CommandMember`]: 'unary',
  [`${EXECUTOR}/Audit`]: 'unary',
  [`${EXECUTOR}/Observe`]: 'stream',
  '/grpc.health.v1.Health/Check': 'unary',
  '/grpc.health.v1.Health/List': 'unary',
  '/grpc.health.v1.Health/Watch': 'stream',
  '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo': 'both',
  '/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo': 'both',
} as const;

type Answer = 'served' | 'denied' | 'no connection';
type Method = keyof typeof METHODS;

const everyone =
  (answer: Answer): ((method: Method) => Answer) =>
  () =>
    answer;
/** A caller of the federation who is no gateway peer sees health and reflection. */
const onlyOpenMethods = (method: Method): Answer => (method.startsWith(EXECUTOR) ? 'denied' : 'served');

interface Caller {
  readonly title: string;
  readonly expected: (method: Method) => Answer;
  readonly pair: (authorities: Trust) => Promise<KeyPair | undefined>;
}

function member(region: string): Identity {
  return { kind: 'member', federation: FEDERATION, region, clusterId: 'c1', memberId: 'c1-1' };
}

function leaf(authority: KeyPair, identity: Identity, now = new Date()): Promise<KeyPair> {
  return issueLeaf(authority, { identity, validity: { now, days: 1 } });
}

async function foreignRegion({ root }: Trust): Promise<KeyPair> {
  const { request, key } = await createSigningRequest('south');
  const options = { request, federation: FEDERATION, region: 'south', now: new Date() };
  return { certificate: await signIntermediate(root, options), key };
}

const executorOf = (region: string): Identity => ({ kind: 'executor', federation: FEDERATION, region });

const CALLERS: readonly Caller[] = [
  { title: 'a gateway peer', expected: everyone('served'), pair: ({ root }) => leaf(root, GATEWAY) },
  {
    title: 'the executor of this region',
    expected: onlyOpenMethods,
    pair: ({ intermediate }) => leaf(intermediate, executorOf(REGION)),
  },
  {
    title: 'a member of this region',
    expected: onlyOpenMethods,
    pair: ({ intermediate }) => leaf(intermediate, member(REGION)),
  },
  {
    title: "a foreign region's executor",
    expected: onlyOpenMethods,
    pair: async (authorities) => leaf(await foreignRegion(authorities), executorOf('south')),
  },
  {
    title: "a foreign region's member",
    expected: onlyOpenMethods,
    pair: async (authorities) => leaf(await foreignRegion(authorities), member('south')),
  },
  {
    // The region's authority may name nothing outside its domain: TLS itself refuses.
    title: "a gateway peer's name that a region has signed",
    expected: everyone('no connection'),
    pair: async ({ intermediate }) => leaf(intermediate, GATEWAY).then((pair) => chained(pair, intermediate)),
  },
  {
    title: 'a gateway peer whose certificate has expired',
    expected: everyone('no connection'),
    pair: ({ root }) => leaf(root, GATEWAY, new Date(Date.now() - DAYS_AGO_MS)),
  },
  {
    title: 'a gateway peer of another root',
    expected: everyone('no connection'),
    pair: async () => leaf(await createRoot(FEDERATION, new Date()), GATEWAY),
  },
  { title: 'a caller without a certificate', expected: everyone('no connection'), pair: async () => undefined },
];

function chained(pair: KeyPair, intermediate: KeyPair): KeyPair {
  return { ...pair, certificate: `${pair.certificate.trim()}\n${intermediate.certificate}` };
}

function ask(client: grpc.Client, path: Method): Promise<Answer> {
  const asIs = (value: Buffer): Buffer => value;
  const options = { deadline: new Date(Date.now() + DEADLINE_MS) };
  const bidirectional = (): grpc.ClientDuplexStream<Buffer, Buffer> => {
    const stream = client.makeBidiStreamRequest(path, asIs, asIs, options);
    stream.write(LIST_SERVICES);
    return stream;
  };
  return new Promise((resolve) => {
    const told = (error: Partial<grpc.ServiceError> | null): void => {
      if (error?.code === grpc.status.PERMISSION_DENIED) resolve('denied');
      else resolve(error?.code === grpc.status.UNAVAILABLE ? 'no connection' : 'served');
    };
    if (METHODS[path] === 'unary') {
      client.makeUnaryRequest(path, asIs, asIs, EMPTY, new grpc.Metadata(), options, told);
      return;
    }
    const stream =
      METHODS[path] === 'both' ? bidirectional() : client.makeServerStreamRequest(path, asIs, asIs, EMPTY, options);
    stream.on('error', told);
    stream.on('data', () => {
      told(null);
      stream.cancel();
    });
  });
}

test('each identity may call what the table says, and nothing else', async (t) => {
  const { executor, authorities } = await wholeRegion(t);
  const root = authorities.root.certificate;
  const options = channelOptions(serverName({ kind: 'executor', federation: FEDERATION, region: REGION }));
  const [methods, rows] = [Object.keys(METHODS) as Method[], new Map<string, Answer[]>()];

  for (const { title, expected, pair } of CALLERS) {
    const own = await pair(authorities);
    const credentials =
      own === undefined ? grpc.credentials.createSsl(Buffer.from(root)) : channelCredentials({ ...own, root });
    const client = new grpc.Client(`127.0.0.1:${executor.grpcPort}`, credentials, options);
    t.teardown(() => client.close());
    const answers: Answer[] = [];
    for (const method of methods) {
      const answer = await ask(client, method);
      answers.push(answer);
      t.is(answer, expected(method), `${title}: ${method}`);
    }
    rows.set(title, answers);
  }

  const short = methods.map((method) => method.slice(method.lastIndexOf('.') + 1));
  t.log(['caller', ...short].join(' | '));
  for (const [title, answers] of rows) t.log([title, ...answers].join(' | '));
});
