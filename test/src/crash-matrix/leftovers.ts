// What the machine has beyond what the clusters' members are, or less: microcloud's records, its folders, and processes.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { MemberView } from './tenant.ts';
import { findGuests, type GuestProcess } from './victims.ts';

interface RecordOnDisk {
  readonly id: string;
  readonly name?: string;
  readonly action?: string;
  readonly status?: string;
  readonly deletedAt?: string | null;
}

/** A sentence for each thing that is there twice, too much or missing. Empty: all is as it shall be. */
export function findLeftovers(home: string, members: readonly MemberView[]): string[] {
  const regions = readdirSync(join(home, 'regions'));
  const guests = findGuests(home);
  return [
    ...regions.flatMap((region) =>
      lookAtRegion(
        home,
        region,
        members.filter((member) => member.region === region),
      ),
    ),
    ...lookAtProcesses(guests, members),
  ];
}

function lookAtRegion(home: string, region: string, members: readonly MemberView[]): string[] {
  const recordsOf = (kind: string): RecordOnDisk[] => readRecords(join(home, 'regions', region, kind));
  const stacks = recordsOf('stacks').filter(({ deletedAt }) => deletedAt === null);
  const volumes = recordsOf('volumes');
  const folder = join(home, 'volumes', region);
  const folders = existsSync(folder) ? readdirSync(folder) : [];
  const counts = { stacks, servers: recordsOf('servers'), ports: recordsOf('ports'), volumes };
  return [
    ...Object.entries(counts)
      .filter(([, records]) => records.length !== members.length)
      .map(([kind, records]) => `${region}: ${records.length} ${kind} for ${members.length} members`),
    ...members
      .filter(({ id }) => stacks.filter(({ name }) => name?.endsWith(id)).length !== 1)
      .map(({ id }) => `${region}: no stack, or two, for ${id}`),
    ...folders
      .filter((name) => !volumes.some(({ id }) => id === name))
      .map((name) => `${region}: the folder of volume ${name}, which does not exist`),
    ...stacks
      .filter(({ status }) => status !== 'COMPLETE')
      .map(({ name, action, status }) => `${region}: stack ${name} is ${action}_${status}`),
  ];
}

function lookAtProcesses(guests: readonly GuestProcess[], members: readonly MemberView[]): string[] {
  const strangers = guests.filter(({ memberId }) => !members.some(({ id }) => id === memberId));
  const counted = members.flatMap(({ id }) => {
    const own = guests.filter(({ memberId }) => memberId === id);
    const counts = {
      inits: own.filter(({ role }) => role === 'init').length,
      agents: own.filter(({ role }) => role === 'agent').length,
      databases: own.filter(({ role }) => role === 'database').length,
    };
    return Object.entries(counts)
      .filter(([, count]) => count !== 1)
      .map(([kind, count]) => `${id} has ${count} ${kind}`);
  });
  return [
    ...strangers.map(({ pid, region, command }) => `${region}: process ${pid} of no member: ${command.slice(0, 60)}`),
    ...counted,
  ];
}

function readRecords(folder: string): RecordOnDisk[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')) as RecordOnDisk);
}
