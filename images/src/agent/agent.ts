// The agent as a whole: opens the volume, listens, and takes the member's role up again.
import { existsSync } from 'node:fs';
import { chmod, stat } from 'node:fs/promises';
import { datastores, type ParameterValues } from '@argosy/datastores';
import {
  type Discovery,
  type Driver,
  type DriverOptions,
  type EngineDriver,
  ensureFolder,
  type Files,
  type OpenSession,
  type Processes,
  type ServerDriver,
} from '@argosy/datastores/drivers';
import { AGENT_PORT, behindDoor, type Clock, type Credentials, GATE_PORT, pause, serverName } from '@argosy/proto';
import type { Logger } from 'pino';
import { Grantor } from '../lease/grantor.ts';
import type { LeaseKeeper } from '../lease/lease-keeper.ts';
import { type LeaseMachine, leasingOf, systemMachine } from '../lease/leasing.ts';
import { noDatabase } from '../lease/no-database.ts';
import { waitInTheDark } from './blackout.ts';
import { MemberCertificates } from './certificates.ts';
import { type AgentConfig, ConfigError } from './config.ts';
import { fetchCopy } from './copy.ts';
import { openDiscovery } from './finding.ts';
import { Gate } from './gate.ts';
import { Granting } from './granting.ts';
import { Listener } from './listener.ts';
import { Member } from './member.ts';
import { Observations } from './observations.ts';
import { PrimaryWatch } from './primary-watch.ts';
import { Rehearsal } from './rehearsal.ts';
import { RuledMember } from './ruled-member.ts';
import { accessTable, agentService } from './service.ts';
import { askShare } from './sharing.ts';
import { agentFolder, StateFile } from './state.ts';

const VOLUME_WAIT_MS = 300_000;
const VOLUME_POLL_MS = 25;
const ENTER_BY_OTHERS = 0o011;

export interface AgentParts {
  readonly config: AgentConfig;
  /** Of the datastore that the configuration names. */
  readonly engine: EngineDriver;
  readonly clock: Clock;
  readonly processes: Processes;
  readonly files: Files;
  /** In place of the engine's own; a driver that brings a client of its own has none. */
  readonly session?: OpenSession;
  /** Used by a member of an asynchronous cluster. */
  readonly leaseMachine?: LeaseMachine;
  readonly log: Logger;
  /** Gives up what has not started yet. */
  readonly signal: AbortSignal;
  /** Ends this process at once. */
  readonly die: () => void;
}

export interface Agent {
  /** Stops the database cleanly, then listening. */
  end(): Promise<void>;
}

/** Starts the agent; it serves when this answers. @throws ConfigError, VolumeError, DriverError */
export async function startAgent(parts: AgentParts): Promise<Agent> {
  const { config, clock, log } = parts;
  const leaseMachine = leaseMachineOf(parts, () => certificates.current);
  // Begun while the volume is waited for; whoever needs it asks again, and is told when it cannot be.
  if (config.userData.door && config.userData.kind !== 'arbiter') leaseMachine.door.open().catch(() => undefined);
  await waitForVolume(parts);
  await waitInTheDark(agentFolder(config.volume), clock, parts.signal);
  const root = config.userData.root_certificate;
  const certificates = await MemberCertificates.open({ volume: config.volume, identity: config.member, root, clock });
  let changed: () => void = () => undefined;
  const { file, member, granting, observations, driver, keeper } = await openMember(
    { ...parts, leaseMachine },
    certificates,
    () => changed(),
  );
  const own = { address: config.address, port: config.userData.datastore_port, isOpen: () => member.isOpen };
  const watch: PrimaryWatch = new PrimaryWatch({
    ...{ state: () => file.state, own, credentials: () => certificates.current, clock },
    changed: () => {
      gate.look();
      discovery?.look();
    },
  });
  const gate = new Gate({
    ...{ address: config.address, port: GATE_PORT, clock, log },
    ...{ lead: () => watch.lead(), epoch: () => watch.epoch() },
  });

  let discovery: Discovery | undefined;

  const listener = new Listener({ address: config.address, port: AGENT_PORT, access: accessTable(config), clock });
  const relisten = async (): Promise<void> => {
    await listener.listen(service, certificates.current);
    log.info({ address: config.address, port: AGENT_PORT, enrolled: certificates.isEnrolled }, 'The agent listens.');
  };
  const onCertificate = async (): Promise<void> => {
    await member.certificateChanged(() => driver.installCertificate(certificates.current));
    discovery?.renew(certificates.current);
    // Not awaited: the answer to this very call goes out by the server that is about to close.
    relisten().catch((error: unknown) => log.error({ error }, 'The agent does not listen any more.'));
  };
  const rehearsal = rehearsalOf(parts, driver, certificates);
  const share = async () => ({ text: (await driver.share?.()) ?? '' });
  const service = agentService({
    ...{ config, member, granting, certificates, observations, rehearsal, log, share, onCertificate },
    copyOut: driver.copyOut?.bind(driver),
  });
  await relisten();
  observations.start();
  // A gate that cannot be is no reason to leave the database without its agent.
  await gate.listen().catch((error: unknown) => log.error({ error }, 'The gate does not listen.'));
  discovery = await openDiscovery({ ...parts, certificates, state: () => file.state, lead: () => watch.lead() });
  changed = () => watch.look();
  watch.look();
  return {
    end: async () => {
      changed = () => undefined;
      gate.close();
      discovery.close();
      watch.end();
      observations.stop();
      await member.end();
      await keeper?.end();
      listener.close();
    },
  };
}

/** This machine's. */
function leaseMachineOf({ config, log }: AgentParts, credentials: () => Credentials): LeaseMachine {
  const { datastore_port: port } = config.userData;
  return systemMachine({ address: config.address, port, runFolder: config.runFolder }, credentials, log);
}

function rehearsalOf(parts: AgentParts, driver: ServerDriver, certificates: MemberCertificates): Rehearsal {
  const { config, engine, clock, log, die } = parts;
  return new Rehearsal({
    ...{ folder: agentFolder(config.volume), clock, log },
    connect: async (options) => await engine.connectForDrill?.({ ...options, certificate: certificates.current }),
    cutPower: async () => {
      await driver.cutPower();
      die();
    },
  });
}

/** The agent without its port: the member on this volume, with whatever of it runs already. @throws VolumeError */
export async function openMember(
  parts: Omit<AgentParts, 'signal' | 'die'>,
  certificates: Pick<MemberCertificates, 'isEnrolled' | 'current'>,
  changed: () => void = () => undefined,
): Promise<{
  readonly file: StateFile;
  readonly member: Member | RuledMember;
  readonly granting: Granting;
  readonly observations: Observations;
  readonly driver: ServerDriver;
  readonly keeper: LeaseKeeper | undefined;
}> {
  const { config, clock, files } = parts;
  const file = await StateFile.open(config.volume, config.member, files);
  const onChange = (): void => {
    changed();
    observations.probeNow();
  };
  const { member, driver, keeper, grantor } = makeMember(parts, { certificates, file, onChange });
  const isArbiter = config.userData.kind === 'arbiter' && config.userData.engine_ruled !== true;
  const observations = new Observations({ file, driver, clock, isArbiter });

  // What runs is taken over, and what does not is seen to be at rest, before anybody can ask for anything.
  await member.resume();
  if (certificates.isEnrolled) await driver.installCertificate(certificates.current);
  return { file, member, granting: new Granting(file, grantor), observations, driver, keeper };
}

interface MemberContext {
  readonly certificates: Pick<MemberCertificates, 'isEnrolled' | 'current'>;
  readonly file: StateFile;
  readonly onChange: () => void;
}

interface MadeMember {
  readonly member: Member | RuledMember;
  readonly driver: ServerDriver;
  readonly keeper?: LeaseKeeper | undefined;
  readonly grantor?: Grantor | undefined;
}

/** Who is led by its engine needs neither lease nor gate. */
function makeMember(
  parts: Omit<AgentParts, 'signal' | 'die'>,
  { certificates, file, onChange }: MemberContext,
): MadeMember {
  const { config, engine, clock, log } = parts;
  const definitions = datastores.find(config.userData.datastore)?.parameters ?? {};
  const isEnrolled = (): boolean => certificates.isEnrolled;
  const common = { file, definitions, clock, log, onChange, isEnrolled };
  const { values } = file.state.parameters;
  if (config.userData.engine_ruled === true) {
    const { createRuled, createArbiter } = engine;
    const create = config.userData.kind === 'arbiter' ? createArbiter : createRuled;
    const driver = create?.(driverOptions(parts, values, () => certificates.current));
    if (driver === undefined) {
      const lacking = config.userData.kind === 'arbiter' ? 'has no arbiter of its own' : 'does not rule itself';
      throw new ConfigError(`"${config.userData.datastore}" ${lacking}.`);
    }
    return { driver, member: new RuledMember({ ...common, driver }) };
  }
  const { driver, keeper, grantor } = makeDriver(parts, certificates, values);
  const leasing = { grantor, isArbiter: config.userData.kind === 'arbiter' };
  return { driver, keeper, grantor, member: new Member({ ...common, driver, ...leasing }) };
}

interface MemberDriver {
  readonly driver: Driver;
  readonly keeper?: LeaseKeeper;
  readonly grantor?: Grantor;
}

function makeDriver(
  parts: Omit<AgentParts, 'signal' | 'die'>,
  certificates: Pick<MemberCertificates, 'current'>,
  parameters: ParameterValues,
): MemberDriver {
  const { config, clock, log } = parts;
  const { datastore, kind, door = false } = config.userData;
  const machine = door ? parts.leaseMachine : undefined;
  if (kind === 'arbiter') {
    return { driver: noDatabase(), ...(machine && { grantor: new Grantor(clock, machine.bootMs) }) };
  }
  const inner = engineDriver(parts, parameters, () => certificates.current);
  if (machine === undefined) return { driver: inner };
  const definition = datastores.find(datastore);
  if (definition === undefined) throw new ConfigError(`This image does not know "${datastore}".`);
  return leasingOf(inner, machine, { ...config.member, clock, log, compare: definition.comparePositions });
}

function engineDriver(
  parts: Omit<AgentParts, 'signal' | 'die'>,
  parameters: ParameterValues,
  credentials: () => Credentials,
): Driver {
  const driver = parts.engine.create?.(driverOptions(parts, parameters, credentials));
  if (driver === undefined) throw new ConfigError(`"${parts.config.userData.datastore}" rules itself, and only so.`);
  return driver;
}

function driverOptions(
  { config, engine, clock, processes, files, session, log }: Omit<AgentParts, 'signal' | 'die'>,
  parameters: ParameterValues,
  credentials: () => Credentials,
): DriverOptions {
  const { datastore_port: port, door = false, memory_mib: memoryMib = null } = config.userData;
  return {
    ...{ clusterId: config.member.clusterId, memberId: config.member.memberId, engine: config.engine },
    ...{ region: config.member.region, serverName: serverName(config.member) },
    ...{ volume: config.volume, runFolder: config.runFolder, address: config.address, port },
    serverPort: door ? behindDoor(port) : port,
    ...{ owner: config.owner, memoryMib, parameters, clock, processes, files, log: log.child({ part: 'driver' }) },
    session: session ?? engine.session ?? withoutSession,
    shareOf: (upstream) => askShare(upstream, credentials()),
    fetchCopy: (source) => fetchCopy(source, credentials()),
  };
}

function withoutSession(): never {
  throw new Error('The driver of this engine brings a client of its own.');
}

/** A volume is attached after the guest has booted; the database's user must be able to pass through it. */
async function waitForVolume({ config, clock, log, signal }: AgentParts): Promise<void> {
  const deadline = clock.monotonicMs() + VOLUME_WAIT_MS;
  if (!existsSync(config.volume)) log.info({ volume: config.volume }, 'Waiting for the volume.');
  while (!existsSync(config.volume)) {
    if (signal.aborted || clock.monotonicMs() > deadline) {
      throw new Error(`The volume ${config.volume} did not appear.`);
    }
    await pause(clock, VOLUME_POLL_MS, signal);
  }
  await ensureFolder(config.runFolder, { mode: 0o711 });
  if (config.owner.uid === undefined) return;
  for (const folder of [config.volume, config.runFolder]) {
    const { mode } = await stat(folder);
    if ((mode & ENTER_BY_OTHERS) !== ENTER_BY_OTHERS) await chmod(folder, (mode & 0o7777) | ENTER_BY_OTHERS);
  }
}
