// How a region gets its keys, as its operator does it: `init` makes them and a request, the federation's operator signs
// the request elsewhere, `install-certificate` takes what came back. The keys never leave the directory.
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createRegionRequest, issueLeaf, readRegionAuthority } from '@argosy/proto';

const REGION_KEY_BYTES = 32;
const SECRET_FILE = 0o600;
const PUBLIC_FILE = 0o644;
const PRIVATE_FOLDER = 0o700;

/** Says why nothing was done, in a sentence for the operator. */
export class SetUpError extends Error {
  override readonly name = 'SetUpError';
}

interface RegionFiles {
  readonly regionKey: string;
  readonly intermediateKey: string;
  readonly request: string;
  readonly intermediate: string;
  readonly root: string;
  readonly leaf: string;
  readonly leafKey: string;
}

function regionFiles(directory: string): RegionFiles {
  const at = (name: string): string => join(resolve(directory), name);
  return {
    regionKey: at('region.key'),
    intermediateKey: at('intermediate.key'),
    request: at('intermediate.csr'),
    intermediate: at('intermediate.pem'),
    root: at('root.pem'),
    leaf: at('leaf.pem'),
    leafKey: at('leaf.key'),
  };
}

/** Makes the region's keys and its request; answers what to do next. @throws SetUpError when one is there; TrustError */
export async function initialise(options: {
  readonly federation: string;
  readonly region: string;
  readonly directory: string;
}): Promise<string[]> {
  const files = regionFiles(options.directory);
  refuseExisting([files.regionKey, files.intermediateKey, files.request]);
  const { request, key } = await createRegionRequest(options);
  mkdirSync(options.directory, { recursive: true, mode: PRIVATE_FOLDER });
  writeNew(files.regionKey, randomBytes(REGION_KEY_BYTES).toString('hex'), SECRET_FILE);
  writeNew(files.intermediateKey, key, SECRET_FILE);
  writeNew(files.request, request, PUBLIC_FILE);
  return [
    `The keys of region ${options.region} are in ${resolve(options.directory)}. Keep them there, and a copy of them safe.`,
    'Next, where the key of the federation is:',
    `  argosy region sign --root-certificate FILE --root-key FILE --request ${files.request} --out ${options.region}.pem`,
    'Then bring the answer back here:',
    `  install-certificate ${options.region}.pem --directory ${options.directory}`,
  ];
}

/** Takes what was signed and issues the executor's own certificate. @throws SetUpError; TrustError */
export async function installCertificate(options: {
  readonly file: string;
  readonly directory: string;
  readonly now: Date;
  readonly days: number;
}): Promise<string[]> {
  const { now, days } = options;
  const files = regionFiles(options.directory);
  const key = read(files.intermediateKey, `${options.directory} has no key of a region: run init first.`);
  const bundle = read(options.file, `${options.file} cannot be read.`);
  const { federation, region, certificate, root } = readRegionAuthority(bundle, key, now);
  refuseExisting([files.intermediate, files.root, files.leaf, files.leafKey]);

  const identity = { kind: 'executor', federation, region } as const;
  const leaf = await issueLeaf({ certificate, key }, { identity, validity: { now, days } });
  writeNew(files.root, root, PUBLIC_FILE);
  writeNew(files.intermediate, certificate, PUBLIC_FILE);
  writeNew(files.leaf, leaf.certificate, PUBLIC_FILE);
  writeNew(files.leafKey, leaf.key, SECRET_FILE);
  const settings = {
    ...{ federation, region, certificateFile: files.leaf, keyFile: files.leafKey, rootFile: files.root },
    ...{ intermediateCertificateFile: files.intermediate, intermediateKeyFile: files.intermediateKey },
    regionKeyFile: files.regionKey,
  };
  return [
    `Region ${region} belongs to the federation ${federation}. Its executor is configured with:`,
    JSON.stringify(settings, undefined, 2),
  ];
}

function refuseExisting(paths: readonly string[]): void {
  const found = paths.find((path) => existsSync(path));
  if (found !== undefined) throw new SetUpError(`${found} is there already; nothing is overwritten.`);
}

function writeNew(path: string, text: string, mode: number): void {
  writeFileSync(path, `${text.trim()}\n`, { flag: 'wx', mode });
}

function read(path: string, otherwise: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new SetUpError(otherwise, { cause });
  }
}
