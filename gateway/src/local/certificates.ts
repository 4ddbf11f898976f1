// A local federation's authorities and leaves. The root's key stays in the operator's folder and is read here only when
// something is to be signed with it.
import { X509Certificate } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  createRoot,
  createSigningRequest,
  type Identity,
  issueLeaf,
  type KeyPair,
  signIntermediate,
} from '@argosy/proto';
import { ensureFolder, PRIVATE_FOLDER, PUBLIC_FILE, SECRET_FILE, writeWhole } from './folders.ts';
import type { HomePaths } from './home-paths.ts';
import type { RegionLayout } from './layout.ts';

const LEAF_DAYS = 365;
/** A leaf is issued anew when less of its life is left. */
const RENEWAL_SHARE = 1 / 3;

export interface CertificateFiles {
  readonly certificateFile: string;
  readonly keyFile: string;
}

/** The folder with a process's configuration, certificate and key. */
export function processFolder(paths: HomePaths, name: string): string {
  return join(paths.processes, name);
}

export function leafFiles(paths: HomePaths, name: string): CertificateFiles {
  return filesOf(processFolder(paths, name), 'leaf');
}

export function intermediateFiles(paths: HomePaths, executorName: string): CertificateFiles {
  return filesOf(processFolder(paths, executorName), 'intermediate');
}

export function gatewayName(region: RegionLayout): string {
  return `gateway-${region.number}`;
}

export function peerName(region: RegionLayout): string {
  return `peer-${region.number}`;
}

export function executorName(region: RegionLayout): string {
  return `executor-${region.name}`;
}

export function microcloudName(region: RegionLayout): string {
  return `microcloud-${region.name}`;
}

export function openstackName(region: RegionLayout): string {
  return `openstack-${region.name}`;
}

/** Makes what is missing or near its end. Returns how many certificates were issued. */
export async function ensureCertificates(
  paths: HomePaths,
  options: { readonly federation: string; readonly regions: readonly RegionLayout[]; readonly now: Date },
): Promise<number> {
  const { federation, regions, now } = options;
  let issued = 0;
  if (!existsSync(paths.rootKey)) {
    const root = await createRoot(federation, now);
    writeWhole(paths.authority, root.certificate, PUBLIC_FILE);
    writeWhole(paths.rootKey, root.key, SECRET_FILE);
    issued += 1;
  }
  const readRoot = (): KeyPair => readPair({ certificateFile: paths.authority, keyFile: paths.rootKey });

  for (const region of regions) {
    const executor = executorName(region);
    ensureFolder(processFolder(paths, executor), PRIVATE_FOLDER);
    const authority = intermediateFiles(paths, executor);
    if (!existsSync(authority.keyFile)) {
      const { request, key } = await createSigningRequest(executor);
      const certificate = await signIntermediate(readRoot(), { request, federation, region: region.name, now });
      writePair(authority, { certificate, key });
      issued += 1;
    }
    const asExecutor: Identity = { kind: 'executor', federation, region: region.name };
    issued += await ensureLeaf(leafFiles(paths, executor), () => readPair(authority), asExecutor, now);

    const gateway = gatewayName(region);
    ensureFolder(processFolder(paths, gateway), PRIVATE_FOLDER);
    const asPeer: Identity = { kind: 'gateway', federation, peer: peerName(region) };
    issued += await ensureLeaf(leafFiles(paths, gateway), readRoot, asPeer, now);
  }
  return issued;
}

/** True when less than a third of a certificate's life is left. */
export function isDue(certificate: string, now: Date): boolean {
  const { validFrom, validTo } = new X509Certificate(certificate);
  const [from, to] = [Date.parse(validFrom), Date.parse(validTo)];
  return to - now.getTime() < (to - from) * RENEWAL_SHARE;
}

async function ensureLeaf(
  files: CertificateFiles,
  readAuthority: () => KeyPair,
  identity: Identity,
  now: Date,
): Promise<number> {
  const isThere = existsSync(files.certificateFile) && existsSync(files.keyFile);
  if (isThere && !isDue(readFileSync(files.certificateFile, 'utf8'), now)) return 0;
  writePair(files, await issueLeaf(readAuthority(), { identity, validity: { now, days: LEAF_DAYS } }));
  return 1;
}

function readPair(files: CertificateFiles): KeyPair {
  return { certificate: readFileSync(files.certificateFile, 'utf8'), key: readFileSync(files.keyFile, 'utf8') };
}

function writePair(files: CertificateFiles, pair: KeyPair): void {
  writeWhole(files.certificateFile, pair.certificate, PUBLIC_FILE);
  // The key last: what has a key is complete.
  writeWhole(files.keyFile, pair.key, SECRET_FILE);
}

function filesOf(folder: string, name: string): CertificateFiles {
  return { certificateFile: join(folder, `${name}.pem`), keyFile: join(folder, `${name}.key`) };
}
