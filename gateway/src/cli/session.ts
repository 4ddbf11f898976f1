// What every command works with: where it writes, whom it speaks to, and where it keeps passwords.
import { join } from 'node:path';
import type { Clock } from '@argosy/proto';
import type { Command } from 'commander';
import { findHome, type LocalFederation, readFederation } from './argosy-home.ts';
import { type CloudAccess, readCloudAccess } from './cloud-config.ts';
import { credentialsFolder } from './credentials.ts';
import { GatewayClient } from './gateway-client.ts';
import { openHttp } from './http.ts';
import type { Terminal } from './terminal.ts';

/** The world around one command, as arguments. */
export interface Surroundings {
  readonly environment: NodeJS.ProcessEnv;
  readonly workingDirectory: string;
  readonly userFolder: string;
  /** Where the system keeps its clouds.yaml. */
  readonly systemFolder: string;
  readonly terminal: Terminal;
  readonly clock: Clock;
}

/** The options that every command takes. */
export interface GlobalOptions {
  readonly json?: boolean;
  readonly osCloud?: string;
}

export interface Session {
  readonly client: GatewayClient;
  readonly access: CloudAccess;
  readonly federation: LocalFederation | undefined;
  readonly credentialsFolder: string;
  /** The authority that database servers are verified against, if it is known. */
  readonly caFile: string | undefined;
  readonly terminal: Terminal;
  readonly clock: Clock;
}

/** How a command's action gets at its session, once the options are read. */
export type OpenSession = (command: Command) => Promise<Session>;

/** Finds out whom to speak to. Nothing is sent before the first request. @throws CommandError */
export async function openSession(surroundings: Surroundings, options: GlobalOptions): Promise<Session> {
  const { environment, workingDirectory, userFolder, systemFolder, terminal, clock } = surroundings;
  const home = findHome(environment, workingDirectory);
  const access = readCloudAccess({
    environment,
    workingDirectory,
    userFolder,
    systemFolder,
    home,
    cloud: options.osCloud,
  });
  const federation = readFederation(home);
  const isLocal = access.home !== undefined || isOneOf(federation, access.authUrl);
  const http = await openHttp({ caFile: access.caFile, isVerified: access.isVerified });
  const authority = isLocal && home !== undefined ? join(home, 'ca.pem') : nonEmpty(environment.ARGOSY_CA);
  return {
    client: new GatewayClient({ http, access, url: nonEmpty(environment.ARGOSY_URL), federation }),
    access,
    federation: isLocal ? federation : undefined,
    credentialsFolder: credentialsFolder(isLocal ? home : undefined, environment, userFolder),
    caFile: authority,
    terminal,
    clock,
  };
}

function isOneOf(federation: LocalFederation | undefined, authUrl: string): boolean {
  return federation?.regions.some((region) => region.identity === authUrl) ?? false;
}

function nonEmpty(value: string | undefined): string | undefined {
  return value === '' ? undefined : value;
}
