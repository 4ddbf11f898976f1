// The agent as a whole: opens the volume, listens, and takes the member's role up again.
import { existsSync } from 'node:fs';
import { chmod, stat } from 'node:fs/promises';
import {
  type Driver,
  type DriverOptions,
  drivers,
  ensureFolder,
  type Files,
  type OpenSession,
  type Processes,
} from '@argosy/datastores/drivers';
import { AGENT_PORT, type Clock, GATE_PORT, pause } from '@argosy/proto';
import type { Logger } from 'pino';
import { waitInTheDark } from './blackout.ts';
import { MemberCertificates } from './certificates.ts';
import { type AgentConfig, ConfigError } from './config.ts';
import { fetchCopy } from './copy.ts';
import { Gate } from './gate.ts';
import { Listener } from './listener.ts';
import { Member } from './member.ts';
import { Observations } from './observations.ts';
import { PrimaryWatch } from './primary-watch.ts';
import { Rehearsal } from './rehearsal.ts';
import { accessTable, agentService } from './service.ts';
import { agentFolder, StateFile } from './state.ts';

const VOLUME_WAIT_MS = 300_000;
const VOLUME_POLL_MS = 100;
const ENTER_BY_OTHERS = 0o011;

export interface AgentParts {
  readonly config: AgentConfig;
  readonly clock: Clock;
  readonly processes: Processes;
  readonly files: Files;
  /** In place of the engine's own; a driver that brings a client of its own has none. */
  readonly session?: OpenSession;
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
  await waitForVolume(parts);
  await waitInTheDark(agentFolder(config.volume), clock, parts.signal);
  const root = config.userData.root_certificate;
  const certificates = await MemberCertificates.open({ volume: config.volume, identity: config.member, root, clock });
  let changed: () => void = () => undefined;
  const { file, member, observations, driver } = await openMember(parts, certificates, () => changed());
  const own = { address: config.address, port: config.userData.datastore_port, isOpen: () => member.isOpen };
  const watch: PrimaryWatch = new PrimaryWatch({
    ...{ state: () => file.state, own, credentials: () => certificates.current, clock },
    changed: () => gate.look(),
  });
  const gate = new Gate({
    ...{ address: config.address, port: GATE_PORT, clock, log },
    ...{ lead: () => watch.lead(), epoch: () => watch.epoch() },
  });

  const listener = new Listener({ address: config.address, port: AGENT_PORT, access: accessTable(config), clock });
  const relisten = async (): Promise<void> => {
    await listener.listen(service, certificates.current);
    log.info({ address: config.address, port: AGENT_PORT, enrolled: certificates.isEnrolled }, 'The agent listens.');
  };
  const onCertificate = async (): Promise<void> => {
    await member.certificateChanged(() => driver.installCertificate(certificates.current));
    // Not awaited: the answer to this very call goes out by the server that is about to close.
    relisten().catch((error: unknown) => log.error({ error }, 'The agent does not listen any more.'));
  };
  const rehearsal = rehearsalOf(parts, driver, certificates);
  const service = agentService({
    ...{ config, member, certificates, observations, rehearsal, log, onCertificate },
    copyOut: driver.copyOut?.bind(driver),
  });
  await relisten();
  observations.start();
  // A gate that cannot be is no reason to leave the database without its agent.
  await gate.listen().catch((error: unknown) => log.error({ error }, 'The gate does not listen.'));
  changed = () => watch.look();
  watch.look();
  return {
    end: async () => {
      changed = () => undefined;
      gate.close();
      watch.end();
      observations.stop();
      await member.end();
      listener.close();
    },
  };
}

function rehearsalOf(parts: AgentParts, driver: Driver, certificates: MemberCertificates): Rehearsal {
  const { config, clock, log, die } = parts;
  const engine = drivers[config.userData.datastore];
  return new Rehearsal({
    ...{ folder: agentFolder(config.volume), clock, log },
    connect: async (options) => await engine?.connectForDrill({ ...options, certificate: certificates.current }),
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
  readonly member: Member;
  readonly observations: Observations;
  readonly driver: Driver;
}> {
  const { config, clock, log, files } = parts;
  const file = await StateFile.open(config.volume, config.member, files);
  const driver = makeDriver(parts, certificates);
  const observations = new Observations({ file, driver, clock });
  const onChange = (): void => {
    changed();
    observations.probeNow();
  };
  const member = new Member({ file, driver, clock, log, onChange, isEnrolled: () => certificates.isEnrolled });

  // What runs is taken over, and what does not is seen to be at rest, before anybody can ask for anything.
  await member.resume();
  if (certificates.isEnrolled) await driver.installCertificate(certificates.current);
  return { file, member, observations, driver };
}

function makeDriver(
  { config, clock, processes, files, session, log }: Omit<AgentParts, 'signal' | 'die'>,
  certificates: Pick<MemberCertificates, 'current'>,
): Driver {
  const { datastore, datastore_port: port, memory_mib: memoryMib = null } = config.userData;
  const engine = drivers[datastore];
  if (engine === undefined) throw new ConfigError(`This image has no driver for "${datastore}".`);
  const options: DriverOptions = {
    ...{ clusterId: config.member.clusterId, memberId: config.member.memberId, engine: config.engine },
    ...{ volume: config.volume, runFolder: config.runFolder, address: config.address, port, serverPort: port },
    ...{ owner: config.owner, memoryMib, clock, processes, files, log: log.child({ part: 'driver' }) },
    session: session ?? engine.session ?? withoutSession,
    fetchCopy: (source) => fetchCopy(source, certificates.current),
  };
  return engine.create(options);
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
