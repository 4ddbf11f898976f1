// A separate OpenStack deployment on loopback addresses: Debian's Keystone and Heat, each one process on a SQLite
// database, without a broker, a database server or systemd. What a deployment knows stays in its folder, so that it
// can be started again; its processes end with `stop`, and with us.
import { randomBytes } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
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
  /** Keystone, then each region's Heat. */
  readonly programs: readonly Program[];
  /** Kills API and engine of the first region as a crash would, and starts them again. */
  crashHeat(): Promise<void>;
  /** API and engine take requests and answer none, until they are let go on. */
  freezeHeat(): void;
  thawHeat(): void;
  /** Ends what was started. What the deployment knows stays. */
  stop(): Promise<void>;
}

/** Starts a deployment and waits until all its services answer. @throws OpenStackUnavailable; nothing runs then. */
export async function startOpenStack(config: OpenStackConfig, context: InstallContext): Promise<OpenStack> {
  const settings = openstackConfig.parse(config);
  const versions = await ensurePackages(context);
  const files = await writeFiles(settings, versions);
  const { directory, keystone } = settings;
  const log = (name: string): string => join(directory, `${name}.log`);
  const startHeat = ({ name, file }: HeatFile): Program =>
    new Program(`Heat of ${name}`, ['heat_process.py', 'serve', file], log(basename(file, '.conf')));

  const address = [keystone.address, `${keystone.port}`];
  const identity = new Program(
    'Keystone',
    ['keystone_process.py', 'serve', files.keystone, files.seed, ...address],
    log('keystone'),
  );
  const heats = files.heats.map(startHeat);
  const stop = async (): Promise<void> => {
    await Promise.allSettled([...heats, identity].map((program) => program.stop()));
  };
  try {
    await answering(identity, `${keystoneUrl(settings)}/v3`);
    for (const [index, { url }] of files.heats.entries()) await answering(heats[index] as Program, url);
  } catch (error) {
    await stop();
    throw error;
  }
  const [first] = files.heats;
  const [heat] = heats;
  if (first === undefined || heat === undefined) throw new Error('unreachable');
  return {
    keystoneUrl: keystoneUrl(settings),
    heatUrl: heatUrl(settings),
    get programs() {
      return [identity, ...heats];
    },
    crashHeat: async () => {
      heats[0]?.signal('SIGKILL');
      await heats[0]?.ended();
      heats[0] = startHeat(first);
      await answering(heats[0], first.url);
    },
    freezeHeat: () => heats[0]?.signal('SIGSTOP'),
    thawHeat: () => heats[0]?.signal('SIGCONT'),
    stop,
  };
}

interface HeatFile {
  readonly name: string;
  /** Its configuration. */
  readonly file: string;
  /** Where one sees that it serves. */
  readonly url: string;
}

interface WrittenFiles {
  readonly keystone: string;
  /** The first region's first. */
  readonly heats: readonly HeatFile[];
  readonly seed: string;
}

async function writeFiles(settings: OpenStackSettings, versions: readonly string[]): Promise<WrittenFiles> {
  const { directory } = settings;
  const at = (name: string): string => join(directory, name);
  const files: DeploymentFiles = {
    keystoneDatabase: at('keystone.db'),
    fernetKeys: at('fernet-keys'),
    credentialKeys: at('credential-keys'),
    paste: at('api-paste.ini'),
    nothing: at('nothing'),
  };
  for (const folder of [directory, files.fernetKeys, files.credentialKeys, files.nothing]) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  }
  const [keystoneVersion = '', heatVersion = ''] = versions;
  const regions = [settings, ...settings.others].map((region, index) => ({
    ...region,
    file: index === 0 ? 'heat' : `heat-${region.region}`,
  }));
  const keystoneMade = ensureDatabase(files.keystoneDatabase, ['keystone', keystoneVersion], settings);
  // One after the other: the second finds what the first has made.
  for (const { file } of regions) await ensureDatabase(at(`${file}.db`), ['heat', heatVersion], settings);
  await keystoneMade;
  for (const folder of [files.fernetKeys, files.credentialKeys]) ensureKeys(folder);
  const secrets = drawOnce(at('secrets.json'));
  const write = (name: string, text: string): string => {
    writeFileSync(at(name), text, { mode: 0o600 });
    return at(name);
  };
  write('api-paste.ini', heatPaste());
  return {
    keystone: write('keystone.conf', keystoneConfiguration(settings, files)),
    heats: regions.map(({ file, ...region }) => ({
      name: region.region,
      url: `${heatUrl(region)}/healthcheck`,
      file: write(
        `${file}.conf`,
        heatConfiguration(settings, { ...region, database: at(`${file}.db`) }, { secrets, files }),
      ),
    })),
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
