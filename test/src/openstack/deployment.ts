// A separate OpenStack deployment on loopback addresses: Debian's Keystone and Heat, each one process on a SQLite
// database, without a broker, a database server or systemd. What a deployment knows stays in its folder, so that it
// can be started again; its processes end with `stop`, and with us.
import { randomBytes } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { OpenStackConfig, OpenStackSettings } from './config.ts';
import { OpenStackUnavailable, openstackConfig } from './config.ts';
import {
  type DeploymentFiles,
  type DeploymentSecrets,
  heatConfiguration,
  heatPaste,
  heatUrl,
  keystoneConfiguration,
  keystoneSeed,
  keystoneUrl,
} from './configurations.ts';
import { ensurePackages, type InstallContext } from './packages.ts';
import { Program, runToEnd } from './programs.ts';

const START_LIMIT_MS = 120_000;
const POLL_MS = 100;
const PROBE_MS = 2_000;

export interface OpenStack {
  readonly keystoneUrl: string;
  readonly heatUrl: string;
  /** Both programs, in the order keystone, heat. */
  readonly programs: readonly Program[];
  /** Kills API and engine as a crash would, and starts them again. */
  crashHeat(): Promise<void>;
  /** Ends what was started. What the deployment knows stays. */
  stop(): Promise<void>;
}

/** Starts a deployment and waits until both services answer. @throws OpenStackUnavailable; nothing runs then. */
export async function startOpenStack(config: OpenStackConfig, context: InstallContext): Promise<OpenStack> {
  const settings = openstackConfig.parse(config);
  const versions = await ensurePackages(context);
  const files = await writeFiles(settings, versions);
  const { directory, keystone } = settings;
  const log = (name: string): string => join(directory, `${name}.log`);
  const startHeat = (): Program => new Program('Heat', ['heat_process.py', 'serve', files.heat], log('heat'));

  const seed = [
    'keystone_process.py',
    'serve',
    files.keystone,
    files.seed,
    keystone.address,
    `${keystone.port}`,
  ] as const;
  const running = { keystone: new Program('Keystone', seed, log('keystone')), heat: startHeat() };
  const stop = async (): Promise<void> => {
    await Promise.allSettled([running.heat.stop(), running.keystone.stop()]);
  };
  try {
    await answering(running.keystone, `${keystoneUrl(settings)}/v3`);
    await answering(running.heat, `${heatUrl(settings)}/healthcheck`);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    keystoneUrl: keystoneUrl(settings),
    heatUrl: heatUrl(settings),
    get programs() {
      return [running.keystone, running.heat];
    },
    crashHeat: async () => {
      running.heat.kill();
      await running.heat.ended();
      running.heat = startHeat();
      await answering(running.heat, `${heatUrl(settings)}/healthcheck`);
    },
    stop,
  };
}

interface WrittenFiles {
  readonly keystone: string;
  readonly heat: string;
  readonly seed: string;
}

async function writeFiles(settings: OpenStackSettings, versions: readonly string[]): Promise<WrittenFiles> {
  const { directory } = settings;
  const at = (name: string): string => join(directory, name);
  const files: DeploymentFiles = {
    keystoneDatabase: at('keystone.db'),
    heatDatabase: at('heat.db'),
    fernetKeys: at('fernet-keys'),
    credentialKeys: at('credential-keys'),
    paste: at('api-paste.ini'),
    nothing: at('nothing'),
  };
  for (const folder of [directory, files.fernetKeys, files.credentialKeys, files.nothing]) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  }
  const [keystoneVersion = '', heatVersion = ''] = versions;
  await Promise.all([
    ensureDatabase(files.keystoneDatabase, ['keystone', keystoneVersion], settings),
    ensureDatabase(files.heatDatabase, ['heat', heatVersion], settings),
  ]);
  for (const folder of [files.fernetKeys, files.credentialKeys]) ensureKeys(folder);
  const secrets = drawOnce(at('secrets.json'));
  const write = (name: string, text: string): string => {
    writeFileSync(at(name), text, { mode: 0o600 });
    return at(name);
  };
  write('api-paste.ini', heatPaste());
  return {
    keystone: write('keystone.conf', keystoneConfiguration(settings, files)),
    heat: write('heat.conf', heatConfiguration(settings, secrets, files)),
    seed: write('seed.json', JSON.stringify(keystoneSeed(settings, secrets))),
  };
}

/** An empty database takes seconds to make and is the same for all: it is made once for each version of the package. */
async function ensureDatabase(
  path: string,
  [service, version]: readonly [service: string, version: string],
  { directory, cacheDirectory }: OpenStackSettings,
): Promise<void> {
  if (existsSync(path)) return;
  mkdirSync(cacheDirectory, { recursive: true });
  const template = join(cacheDirectory, `${service}-${version.replaceAll(/[^A-Za-z0-9.+~-]/g, '_')}.db`);
  if (!existsSync(template)) {
    const own = `${path}.schema`;
    rmSync(own, { force: true });
    await runToEnd(
      `The database of ${service}`,
      [`${service}_process.py`, 'schema', own],
      join(directory, 'schema.log'),
    );
    copyWhole(own, template);
    rmSync(own);
  }
  copyWhole(template, path);
}

function copyWhole(from: string, to: string): void {
  const temporary = `${to}.${process.pid}`;
  copyFileSync(from, temporary);
  renameSync(temporary, to);
}

/** Fernet keys: the one that is next, and the one that signs. */
function ensureKeys(folder: string): void {
  for (const name of ['0', '1']) {
    const path = join(folder, name);
    if (existsSync(path)) continue;
    const key = randomBytes(32).toString('base64').replaceAll('+', '-').replaceAll('/', '_');
    writeFileSync(path, key, { mode: 0o600 });
  }
}

function drawOnce(path: string): DeploymentSecrets {
  if (!existsSync(path)) {
    const draw = (): string => randomBytes(16).toString('hex');
    const secrets: DeploymentSecrets = { heatPassword: draw(), stackDomainPassword: draw(), encryptionKey: draw() };
    writeFileSync(path, JSON.stringify(secrets), { mode: 0o600 });
  }
  return JSON.parse(readFileSync(path, 'utf8')) as DeploymentSecrets;
}

async function answering(program: Program, url: string): Promise<void> {
  const end = performance.now() + START_LIMIT_MS;
  for (;;) {
    if (program.how !== undefined) throw program.failure('ended while it started');
    try {
      const answer = await fetch(url, { signal: AbortSignal.timeout(PROBE_MS) });
      await answer.arrayBuffer();
      if (answer.status === 200) return;
    } catch (error) {
      if (error instanceof OpenStackUnavailable) throw error;
    }
    if (performance.now() > end) throw program.failure(`does not answer at ${url}`);
    await new Promise<void>((resolve) => setTimeout(resolve, POLL_MS));
  }
}
