// Makes TypeScript of the .proto files, with the protoc that the npm package of that name carries (no download).
// Skipped when the output is newer than every input.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const options = [
  'env=node',
  'esModuleInterop=true',
  'importSuffix=.js',
  'outputServices=grpc-js',
  'oneof=unions-value',
  'forceLong=number',
  'useOptionals=none',
  'useDate=true',
  'removeEnumPrefix=true',
  'unrecognizedEnum=false',
  'enumsAsLiterals=true',
  'useExactTypes=false',
];

// raft-ts imports nothing of ours, so its language is generated into its own folder.
const targets = [
  { source: join(root, 'proto'), folders: ['argosy', 'google', 'grpc'], output: join(root, 'proto/src/generated') },
  { source: join(root, 'proto'), folders: ['raft'], output: join(root, 'raft/src/generated') },
  // etcd's language, for the benchmarks against it.
  { source: join(root, 'test/proto'), folders: ['etcd'], output: join(root, 'test/src/generated') },
];

const require = createRequire(import.meta.url);
const packageFolder = (name) => dirname(require.resolve(`${name}/package.json`));

function protoFiles(source, folders) {
  return folders
    .flatMap((folder) =>
      readdirSync(join(source, folder), { recursive: true }).map((name) => join(source, folder, name)),
    )
    .filter((name) => name.endsWith('.proto'))
    .sort();
}

export function generate() {
  for (const { source, folders, output } of targets) {
    const inputs = protoFiles(source, folders);
    const stamp = join(output, '.stamp');
    const newest = Math.max(...[...inputs, fileURLToPath(import.meta.url)].map((file) => statSync(file).mtimeMs));
    if (existsSync(stamp) && statSync(stamp).mtimeMs > newest) continue;

    rmSync(output, { recursive: true, force: true });
    mkdirSync(output, { recursive: true });
    const protoc = [process.execPath, join(packageFolder('protoc'), 'protoc.cjs')];
    const plugin = join(packageFolder('ts-proto'), 'protoc-gen-ts_proto');
    const args = [
      `--plugin=protoc-gen-ts_proto=${plugin}`,
      `--ts_proto_out=${output}`,
      `--ts_proto_opt=${options.join(',')}`,
      `--descriptor_set_out=${join(output, 'descriptors.binpb')}`,
      '--include_imports',
      '-I',
      source,
      ...inputs,
    ];
    execFileSync(protoc[0], [...protoc.slice(1), ...args], { stdio: 'inherit' });
    writeFileSync(stamp, '');
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) generate();
