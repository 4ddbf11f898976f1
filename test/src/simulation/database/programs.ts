// The programs of the engine that an agent runs to their end: a new database, a copy, and what a data directory tells of
// itself. Each is a process of its own, which outlives the agent that started it.
import { basename } from 'node:path';
import type { Program, ProgramResult } from '@argosy/datastores/drivers';
import { Wire } from '../network.ts';
import { SimulatedProcess } from '../process.ts';
import { DATA, WAL } from '../volume.ts';
import { DataDirectory, readLsn, writeLsn } from './data-directory.ts';
import type { DatabaseHost } from './database-world.ts';
import type { DatabaseServer, ServersWorld } from './server.ts';
import { readConninfo } from './settings.ts';

const INITDB_MS = 200;
const QUICK_MS = 5;

interface Run {
  readonly program: Program;
  readonly host: DatabaseHost;
  readonly world: ServersWorld;
  readonly process: SimulatedProcess;
  readonly end: (result: ProgramResult) => void;
}

/** Begins a program; `end` is called once, also when it is killed. */
export function runProgram(
  program: Program,
  host: DatabaseHost,
  world: ServersWorld,
  end: (result: ProgramResult) => void,
): SimulatedProcess {
  const name = basename(program.path);
  const process = new SimulatedProcess(`${name}:${host.memberId}`, `${host.place}/db`, world.timeline);
  let isOver = false;
  const finish = (result: ProgramResult): void => {
    if (isOver) return;
    isOver = true;
    end(result);
    process.kill();
  };
  process.onEnd(() => finish({ code: null, stdout: '', stderr: 'killed' }));
  const run = { program, host, world, process, end: finish };
  switch (name) {
    case 'initdb':
      process.clock.after(INITDB_MS * world.random.between(0.5, 2), () => initdb(run));
      break;
    case 'pg_basebackup':
      process.clock.after(QUICK_MS, () => copy(run));
      break;
    default:
      process.clock.after(QUICK_MS, () => finish(quick(name, run)));
  }
  return process;
}

const done = (stdout = ''): ProgramResult => ({ code: 0, stdout, stderr: '' });
const failed = (stderr: string): ProgramResult => ({ code: 1, stdout: '', stderr });

function initdb({ host, world, end }: Run): void {
  const data = new DataDirectory(world.nextSystemId(), [], 1);
  data.append('checkpoint', '', 1, host.memberId);
  data.flushed = 1;
  host.volume.data = data;
  host.volume.files.set(`${DATA}/PG_VERSION`, '15\n');
  end(done());
}

function quick(name: string, { program, host }: Run): ProgramResult {
  const { data } = host.volume;
  if (name === 'sync') {
    if (data !== undefined) data.isSynced = true;
    return done();
  }
  if (data === undefined) return failed('could not open the data directory');
  if (name === 'pg_controldata') return done(controlFile(data));
  if (name === 'pg_waldump') return dump(program.arguments, data);
  return failed(`The model does not know the program ${name}.`);
}

function controlFile({ systemId, timeline }: DataDirectory): string {
  return [
    `Database system identifier:           ${systemId}`,
    `Latest checkpoint's TimeLineID:       ${timeline}`,
    'Minimum recovery ending location:     0/0',
    `Min recovery ending loc's timeline:   ${timeline}`,
    'max_connections setting:              100',
    'max_worker_processes setting:         8',
    'max_prepared_xacts setting:           0',
    'max_locks_per_xact setting:           64',
    '',
  ].join('\n');
}

function dump(args: readonly string[], data: DataDirectory): ProgramResult {
  const argumentOf = (name: string): string | undefined => {
    const at = args.indexOf(name);
    return at < 0 ? undefined : args[at + 1];
  };
  const start = readLsn(argumentOf('--start') ?? '0/0');
  const end = readLsn(argumentOf('--end') ?? 'FFFFFFFF/FFFFFFFF');
  const records = data.records.filter((record) => record.start >= start && record.end <= end);
  if (!args.includes('--stats=record')) {
    return records.length > 0 ? done('a record') : failed('could not find a valid record after');
  }
  const commits = records.filter(({ kind }) => kind === 'write').length;
  return done(`Transaction/COMMIT                ${commits} ( 50.00)\n`);
}

/** Copies all that the other has flushed when the copy ends. */
function copy(run: Run): void {
  const { program, host, world, process, end } = run;
  const { network } = world;
  const argumentOf = (name: string): string => program.arguments[program.arguments.indexOf(name) + 1] ?? '';
  const address = readConninfo(argumentOf('--dbname')).hostaddr ?? '';
  const place = `${world.placeOf(address)}/db`;
  const server = world.serverAt(address);
  if (!network.isOpen(process.place, place) || !network.isOpen(place, process.place)) {
    process.clock.after(3_000, () => end(failed('connection timed out')));
    return;
  }
  if (server === undefined || !server.isAccepting) {
    end(failed('connection refused'));
    return;
  }
  if (!server.data.slots.has(argumentOf('--slot'))) {
    end(failed('replication slot does not exist'));
    return;
  }
  const broken = (): void => end(failed('connection broken'));
  const wire = new Wire(network, { process, broken }, { process: server.process, broken: () => undefined });
  if (server.state === 'primary') server.write('checkpoint', '');
  // What is copied file by file is none until it is whole.
  host.volume.files.set(`${DATA}/backup_label`, '');
  const lastsMs = world.habits.copyMs * world.random.between(0.3, 2);
  const endsMs = world.timeline.nowMs + lastsMs;
  const look = (): void => {
    const isThrough = network.isOpen(process.place, place) && network.isOpen(place, process.place);
    if (!isThrough) process.clock.after(3_000, () => (network.isOpen(place, process.place) ? look() : broken()));
    else if (world.timeline.nowMs < endsMs) process.clock.after(Math.min(200, lastsMs), look);
    else wire.send(0, () => wire.send(1, () => finishCopy(run, server)));
  };
  look();
}

function finishCopy({ host, end }: Run, server: DatabaseServer): void {
  if (!server.isAccepting) {
    end(failed('the database system is shutting down'));
    return;
  }
  const source = server.data;
  const count = server.isRecovering ? server.replayed : source.flushed;
  const records = source.records.slice(0, count);
  host.volume.data = new DataDirectory(source.systemId, records, server.timeline);
  const { files } = host.volume;
  for (const [name, text] of server.host.volume.files) {
    if (name.startsWith(`${WAL}/`)) files.set(name, text);
  }
  files.delete(`${DATA}/backup_label`);
  files.set(`${DATA}/PG_VERSION`, '15\n');
  const range = `"Timeline": ${server.timeline}, "Start-LSN": "0/0", "End-LSN": "${writeLsn(source.endOf(count))}"`;
  files.set(`${DATA}/backup_manifest`, `{"WAL-Ranges": [{ ${range} }]}`);
  end(done());
}
