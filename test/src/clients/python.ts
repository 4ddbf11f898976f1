// A Python with gRPC, as Debian has it: the system's when that has all, else its packages unpacked beside it. A reason
// instead of one is no fault: not every system has apt or a network.
import { execFile } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { EngineError, unpackPackages } from '@argosy/images';

const PYTHON = '/usr/bin/python3';
const PACKAGES = ['python3-grpcio', 'python3-protobuf', 'python3-six', 'protobuf-compiler', 'protobuf-compiler-grpc'];
const CHECK = 'import grpc, google.protobuf';
const LIMIT_MS = 300_000;

const root = fileURLToPath(new URL('../../..', import.meta.url));

export interface Ran {
  readonly code: number;
  readonly output: string;
}

export interface Python {
  /** The modules of proto/, in a folder. */
  generate(folder: string): Promise<void>;
  /** With these arguments; modules are also looked for in the folder. */
  run(args: readonly string[], environment: Readonly<Record<string, string>>, modules?: string): Promise<Ran>;
}

/** Kept between runs, outside the repository. @throws EngineError that says what is missing */
export async function preparePython(): Promise<Python> {
  if (!existsSync(PYTHON)) throw new EngineError(`There is no ${PYTHON}.`);
  const system = pythonIn('/');
  if (await system.isWhole()) return system;

  const place = join(tmpdir(), `argosy-python-${userInfo().uid}`, 'tree');
  if (!existsSync(place)) await unpack(place);
  const unpacked = pythonIn(place);
  if (await unpacked.isWhole()) return unpacked;
  throw new EngineError(`The gRPC of ${place} is not for ${PYTHON}; remove it to have it made anew.`);
}

async function unpack(place: string): Promise<void> {
  await mkdir(dirname(place), { recursive: true });
  const temporary = await mkdtemp(join(dirname(place), '.making.'));
  try {
    const tree = join(temporary, 'tree');
    const context = { isRoot: process.getuid?.() === 0, progress: () => undefined };
    await unpackPackages(tree, { packages: PACKAGES, temporary }, context);
    // Somebody else may have been quicker; theirs is as good.
    await rename(tree, place).catch(() => undefined);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

interface PythonIn extends Python {
  /** True when all that is needed is there, and runs. */
  isWhole(): Promise<boolean>;
}

function pythonIn(tree: string): PythonIn {
  const environment: Record<string, string> = tree === '/' ? {} : unpackedEnvironment(tree);
  const bin = (name: string): string => join(tree, 'usr/bin', name);
  const run: Python['run'] = (args, more, modules) => {
    const path = [modules, environment.PYTHONPATH].filter((each) => each !== undefined).join(':');
    return runFile(PYTHON, args, { ...environment, ...more, PYTHONPATH: path });
  };
  return {
    run,
    isWhole: async () => {
      const hasProtoc = existsSync(bin('protoc')) && existsSync(bin('grpc_python_plugin'));
      return hasProtoc && (await run(['-c', CHECK], {})).code === 0;
    },
    generate: async (folder) => {
      const plugin = `--plugin=protoc-gen-grpc_python=${bin('grpc_python_plugin')}`;
      const out = [`--python_out=${folder}`, `--grpc_python_out=${folder}`];
      const include = ['-I', join(root, 'proto'), '-I', join(root, 'node_modules/protoc/include')];
      const folders = ['argosy/v2', 'google/rpc'];
      const files = folders.flatMap((each) => readdirSync(join(root, 'proto', each)).map((name) => join(each, name)));
      const { code, output } = await runFile(bin('protoc'), [plugin, ...out, ...include, ...files], environment);
      if (code !== 0) throw new Error(`protoc failed: ${output}`);
    },
  };
}

function unpackedEnvironment(tree: string): Record<string, string> {
  const libraries = existsSync(join(tree, 'usr/lib')) ? readdirSync(join(tree, 'usr/lib')) : [];
  const folders = libraries.filter((name) => name.includes('-linux-gnu')).map((name) => join(tree, 'usr/lib', name));
  return { LD_LIBRARY_PATH: folders.join(':'), PYTHONPATH: join(tree, 'usr/lib/python3/dist-packages') };
}

function runFile(path: string, args: readonly string[], environment: Readonly<Record<string, string>>): Promise<Ran> {
  return new Promise((resolve) => {
    const env = { PATH: '/usr/bin:/bin', LC_ALL: 'C.UTF-8', ...environment };
    execFile(path, args, { env, timeout: LIMIT_MS, killSignal: 'SIGKILL' }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 1;
      resolve({ code, output: stdout + stderr });
    });
  });
}
