// The agent's service: who may call what, and how an answer or a refusal crosses the wire.
import { DriverError } from '@argosy/datastores/drivers';
import {
  type AccessTable,
  type AgentServiceServer,
  AgentServiceService,
  enrolmentMac,
  HealthService,
  type Identity,
  identityUri,
} from '@argosy/proto';
import { type ServerUnaryCall, type sendUnaryData, status } from '@grpc/grpc-js';
import type { Logger } from 'pino';
import { CommandError, refused } from './admission.ts';
import { InvalidCertificateError, type MemberCertificates } from './certificates.ts';
import type { AgentConfig } from './config.ts';
import { sendCopy } from './copy.ts';
import type { Granting } from './granting.ts';
import { Member } from './member.ts';
import type { Observations } from './observations.ts';
import type { Rehearsal } from './rehearsal.ts';
import type { RuledMember } from './ruled-member.ts';

/** Executors and the members of one cluster; each has one stream. */
const MAX_OBSERVERS = 32;

export interface ServiceParts {
  readonly config: Pick<AgentConfig, 'member' | 'executor' | 'userData'>;
  readonly member: Member | RuledMember;
  readonly certificates: Pick<MemberCertificates, 'request' | 'install'>;
  readonly granting: Granting;
  readonly observations: Observations;
  readonly rehearsal: Pick<Rehearsal, 'take'>;
  readonly log: Logger;
  /** The data of this member's database; undefined where the engine is copied in another way. */
  readonly copyOut: (() => AsyncIterable<Uint8Array>) | undefined;
  /** What the driver tells the other members. */
  readonly share: () => Promise<{ readonly text: string }>;
  /** Puts a new certificate into use. */
  readonly onCertificate: () => Promise<void>;
}

/** Commands come from exactly one executor; a member of the same cluster may ask how this one is. */
export function accessTable(config: Pick<AgentConfig, 'member' | 'executor'>): AccessTable {
  const isExecutor = (caller: Identity): boolean => identityUri(caller) === identityUri(config.executor);
  const isFellow = (caller: Identity): boolean =>
    caller.kind === 'member' &&
    caller.federation === config.member.federation &&
    caller.clusterId === config.member.clusterId;
  const table: Record<string, (caller: Identity) => boolean> = {};
  for (const method of [...Object.values(AgentServiceService), ...Object.values(HealthService)]) {
    table[method.path] = isExecutor;
  }
  table[AgentServiceService.observe.path] = (caller) => isExecutor(caller) || isFellow(caller);
  const { grantLease, returnLease, share, copy } = AgentServiceService;
  for (const method of [grantLease, returnLease, share, copy]) table[method.path] = isFellow;
  return table;
}

export function agentService(parts: ServiceParts): AgentServiceServer {
  const { member, certificates, granting, observations } = parts;
  const elected = (): Member => electedOf(member);
  const ruled = (): RuledMember => ruledOf(member);
  const unary = <Request, Response>(
    name: string,
    answer: (request: Request, signal: AbortSignal) => Promise<Response>,
  ): ((call: ServerUnaryCall<Request, Response>, callback: sendUnaryData<Response>) => void) => {
    return (call, callback) => {
      const gone = new AbortController();
      call.on('cancelled', () => gone.abort());
      answer(call.request, gone.signal).then(
        (response) => callback(null, response),
        (error: unknown) => callback(answerOf(error, parts.log, name)),
      );
    };
  };
  return {
    enrol: unary('Enrol', async (request) => {
      const { member_id: memberId, enrolment_token: token } = parts.config.userData;
      if (request.memberId !== memberId) throw refused(`This is ${memberId}, not ${request.memberId}.`);
      return { signingRequest: certificates.request, mac: enrolmentMac(token, certificates.request) };
    }),
    installCertificate: unary('InstallCertificate', async (request) => {
      if (await certificates.install(request.certificateChain)) await parts.onCertificate();
      return {};
    }),
    initialise: unary('Initialise', async (request) => {
      requireVersion(parts, request.version);
      await elected().initialise(request);
      return {};
    }),
    seed: unary('Seed', async (request) => {
      requireVersion(parts, request.version);
      return { position: await elected().seed(request) };
    }),
    rejoin: unary('Rejoin', async (request) => {
      requireVersion(parts, request.version);
      return await elected().rejoin(request);
    }),
    promote: unary('Promote', async (request) => ({ position: await elected().promote(request) })),
    follow: unary('Follow', async (request, signal) => await elected().follow(request, signal)),
    promise: unary('Promise', async (request, signal) => ({ position: await member.promise(request, signal) })),
    rest: unary('Rest', async (request) => await member.rest(request)),
    open: unary('Open', async (request, signal) => ({ position: await elected().open(request, signal) })),
    grantLease: unary('GrantLease', async (request) => granting.grant(request)),
    returnLease: unary('ReturnLease', async (request) => granting.handedBack(request)),
    setParameters: unary('SetParameters', async (request, signal) => await member.setParameters(request, signal)),
    setAccounts: unary('SetAccounts', async (request) => await member.setAccounts(request)),
    found: unary('Found', async (request, signal) => {
      requireVersion(parts, request.version);
      return await ruled().found(request, signal);
    }),
    join: unary('Join', async (request, signal) => {
      requireVersion(parts, request.version);
      return await ruled().join(request, signal);
    }),
    dismiss: unary('Dismiss', async (request) => await ruled().dismiss(request)),
    refound: unary('Refound', async (request, signal) => await ruled().refound(request, signal)),
    rehearse: unary('Rehearse', async (request) => {
      requireMember(parts, request.header?.memberId);
      return await parts.rehearsal.take(request);
    }),
    share: unary('Share', parts.share),
    copy: copying(parts),
    observe: observing(observations),
  };
}

function copying({ config, copyOut, log }: ServiceParts): AgentServiceServer['copy'] {
  return (call) => {
    sendCopy(call, call.request.memberId === config.member.memberId ? copyOut : undefined).catch((error: unknown) => {
      call.destroy(Object.assign(new Error('The copy failed.'), answerOf(error, log, 'Copy')));
    });
  };
}

function observing(observations: Observations): AgentServiceServer['observe'] {
  return (call) => {
    if (observations.observers >= MAX_OBSERVERS) {
      call.destroy(new CommandError(status.RESOURCE_EXHAUSTED, `${MAX_OBSERVERS} observe already.`));
      return;
    }
    let isFull = false;
    call.on('drain', () => {
      isFull = false;
    });
    // Who reads slowly misses reports: only the newest is of use.
    const stop = observations.observe((report) => {
      if (!isFull) isFull = !call.write({ report });
    });
    call.on('cancelled', stop);
    call.on('error', stop);
    call.on('close', stop);
  };
}

function electedOf(member: Member | RuledMember): Member {
  if (member instanceof Member) return member;
  throw refused('The engine of this member rules itself: it elects, copies and opens by itself.');
}

function ruledOf(member: Member | RuledMember): RuledMember {
  if (!(member instanceof Member)) return member;
  throw refused('The engine of this member does not rule itself: it is promoted, or follows.');
}

function requireMember(parts: ServiceParts, memberId = ''): void {
  const own = parts.config.member.memberId;
  if (memberId !== own) throw refused(`This is ${own}, not ${memberId}.`);
}

function requireVersion(parts: ServiceParts, version: string): void {
  const own = parts.config.userData.version;
  if (version !== own) throw refused(`The command is for version ${version}; this member's engine is ${own}.`);
}

/** What the caller learns of an error. What nobody foresaw is logged whole and told without detail. */
function answerOf(error: unknown, log: Logger, method: string): { code: status; details: string } {
  if (error instanceof CommandError) {
    log.info({ method, reason: error.message }, 'Refused a command.');
    return { code: error.code, details: error.message };
  }
  log.warn({ method, error }, 'A command failed.');
  if (error instanceof InvalidCertificateError) return { code: status.INVALID_ARGUMENT, details: error.message };
  if (error instanceof DriverError) {
    const codes = { refused: status.FAILED_PRECONDITION, unavailable: status.UNAVAILABLE, failed: status.INTERNAL };
    return { code: codes[error.code], details: error.message };
  }
  return { code: status.INTERNAL, details: 'The agent failed; its log says why.' };
}
