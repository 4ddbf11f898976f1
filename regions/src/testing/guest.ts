// A guest for tests: it enrols, reports and answers as an agent does, and has no database. Started by microcloud as a
// server's process, with the environment that a real guest gets.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  AGENT_PORT,
  AgentServiceService,
  accessControl,
  createSigningRequest,
  enrolmentMac,
  type MemberReport,
  MemberRole,
  pause,
  selfSigned,
  systemClock,
  watchLifeline,
} from '@argosy/proto';
import * as grpc from '@grpc/grpc-js';

const REPORT_MS = 200;
const POLL_MS = 20;

interface UserData {
  readonly cluster_id: string;
  readonly member_id: string;
  readonly root_certificate: string;
  readonly enrolment_token: string;
  readonly region: string;
}

interface Kept {
  readonly key: string;
  readonly request: string;
  certificate: string;
  isEnrolled: boolean;
}

const environment = process.env;
const volume = String(environment.ARGOSY_VOLUME);
const address = String(environment.ARGOSY_ADDRESS);
const userData = JSON.parse(readFileSync(String(environment.ARGOSY_USER_DATA), 'utf8')) as UserData;
if (environment.ARGOSY_LIFELINE !== undefined) watchLifeline(environment.ARGOSY_LIFELINE, () => process.exit(0));

// The volume arrives after the boot.
while (!existsSync(volume)) await pause(systemClock, POLL_MS);
const keptPath = join(volume, 'agent.json');
const kept = existsSync(keptPath) ? (JSON.parse(readFileSync(keptPath, 'utf8')) as Kept) : await born();

async function born(): Promise<Kept> {
  const { request, key } = await createSigningRequest(userData.member_id);
  const certificate = await selfSigned(key, userData.member_id, { now: new Date(), days: 1 });
  return { key, request: request.toString('base64'), certificate, isEnrolled: false };
}

function report(): MemberReport {
  return {
    memberId: userData.member_id,
    time: new Date(),
    up: true,
    role: MemberRole.REPLICA,
    epoch: 7,
    generation: 0,
    open: false,
    position: undefined,
    upstream: undefined,
    streams: [],
    serverVersion: '',
    detail: '',
    lease: undefined,
  };
}

// How a test makes this guest one that is not what it says.
const token = process.argv[2] === 'wrong-token' ? 'f'.repeat(64) : userData.enrolment_token;
const answerEmpty = (_call: unknown, callback: grpc.sendUnaryData<object>): void => callback(null, {});
const service: grpc.UntypedServiceImplementation = {
  enrol: (_call: unknown, callback: grpc.sendUnaryData<object>) => {
    const signingRequest = Buffer.from(kept.request, 'base64');
    callback(null, { signingRequest, mac: enrolmentMac(token, signingRequest) });
  },
  installCertificate: (
    call: grpc.ServerUnaryCall<{ certificateChain: string }, object>,
    callback: grpc.sendUnaryData<object>,
  ) => {
    kept.certificate = call.request.certificateChain;
    kept.isEnrolled = true;
    writeFileSync(keptPath, JSON.stringify(kept));
    callback(null, {});
    setTimeout(reserve, POLL_MS);
  },
  initialise: answerEmpty,
  promote: answerEmpty,
  seed: answerEmpty,
  follow: answerEmpty,
  promise: answerEmpty,
  rest: answerEmpty,
  rehearse: answerEmpty,
  open: (_call: unknown, callback: grpc.sendUnaryData<object>) =>
    callback({ code: grpc.status.FAILED_PRECONDITION, details: 'epoch 7 is promised' }),
  observe: (call: grpc.ServerWritableStream<unknown, object>) => {
    const tell = (): unknown => call.write({ report: report() });
    tell();
    const timer = setInterval(tell, REPORT_MS);
    call.on('cancelled', () => clearInterval(timer));
  },
};

let server: grpc.Server | undefined;
let serving: Promise<void> = Promise.resolve();

/** One after the other: two executors may bring a certificate at the same moment, and there is one port. */
function reserve(): void {
  serving = serving.then(serve);
}

async function serve(): Promise<void> {
  server?.forceShutdown();
  const next = new grpc.Server({
    interceptors: [
      accessControl(
        Object.fromEntries(
          Object.values(AgentServiceService).map(({ path }) => [
            path,
            (caller) => caller.kind === 'executor' && caller.region === userData.region,
          ]),
        ),
      ),
    ],
  });
  next.addService(AgentServiceService, service);
  const pair = { cert_chain: Buffer.from(kept.certificate), private_key: Buffer.from(kept.key) };
  const credentials = grpc.ServerCredentials.createSsl(Buffer.from(userData.root_certificate), [pair], true);
  await new Promise<void>((resolve, reject) => {
    next.bindAsync(`${address}:${AGENT_PORT}`, credentials, (error) => (error ? reject(error) : resolve()));
  });
  server = next;
}

reserve();
await serving;
process.on('SIGTERM', () => process.exit(0));
