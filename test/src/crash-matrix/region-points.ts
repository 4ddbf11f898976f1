// The points of a region's processes: the executor's commands and its requests to Heat, microcloud's requests and what it
// commits to its disk, the agent's commands and what it commits to its volume.
import childProcess from 'node:child_process';
import { subscribe } from 'node:diagnostics_channel';
import fs from 'node:fs';
import fsPromises from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { syncBuiltinESMExports } from 'node:module';
import { basename, dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { FOLDER_VARIABLE, HOME_VARIABLE, type Place, type Point } from './control.ts';
import { type Command, watchCommandsReceived, watchCommandsSent } from './grpc-points.ts';
import { reach } from './reach.ts';

/** What a request to Heat is made for. Reads change nothing, and tokens belong to no operation. */
const STEP_OF_METHOD: Readonly<Record<string, string>> = {
  POST: 'ensure_member',
  PATCH: 'resize',
  DELETE: 'remove_member',
};
const PASSED_ON = [FOLDER_VARIABLE, HOME_VARIABLE, 'NODE_OPTIONS'];
const agentMain = fileURLToPath(new URL('../../../images/dist/agent/main.js', import.meta.url));
/** Microcloud's records, a folder for each kind. */
const RECORDS = ['servers', 'ports', 'volumes', 'stacks'];

export function watchExecutor(region: string): void {
  const note = (moment: string, { step, suffix, ...place }: Command): void =>
    reach({ process: 'executor', name: `${moment}${suffix}`, step }, { ...place, region });
  watchCommandsReceived(note);
  watchCommandsSent((moment, command) => note(moment === 'sending' ? 'relaying' : 'relayed', command));
  const heat = (moment: string) => (message: unknown) => {
    const { request } = message as { request: { method: string; path: string } };
    const step = stepOf(request.method, request.path);
    if (step === undefined) return;
    reach({ process: 'executor', name: `heat-${moment}`, step }, { region });
  };
  subscribe('undici:request:create', heat('asking'));
  subscribe('undici:request:headers', heat('answered'));
}

export function watchMicrocloud(region: string): void {
  let current = 'ensure_member';
  const note = (name: string): void => reach({ process: 'microcloud', name, step: current }, { region });
  const onRequest = (moment: string) => (message: unknown) => {
    const { method = '', url = '' } = (message as { request: IncomingMessage }).request;
    const step = stepOf(method, url);
    if (step === undefined) return;
    current = step;
    note(moment);
  };
  subscribe('http.server.request.start', onRequest('asked'));
  subscribe('http.server.response.finish', onRequest('answered'));

  const { renameSync, rmSync } = fs;
  const { spawn } = childProcess;
  fs.renameSync = (from, to) => {
    renameSync(from, to);
    if (isRecord(to)) note('recorded');
  };
  fs.rmSync = (path, options) => {
    rmSync(path, options);
    note('removed');
  };
  // A server has a clean environment; its agent is watched too, and so is not the bundled one.
  const watched = (command: string, args: readonly string[], options: childProcess.SpawnOptions) => {
    const passedOn = Object.fromEntries(PASSED_ON.map((name) => [name, process.env[name] ?? '']));
    const child = spawn(command, [...args, agentMain], { ...options, env: { ...options.env, ...passedOn } });
    note('spawned');
    return child;
  };
  childProcess.spawn = watched as typeof spawn;
  syncBuiltinESMExports();
}

export function watchAgent(region: string, memberId: string): void {
  const place: Place = { region, ordinal: Number(memberId.slice(memberId.lastIndexOf('-') + 1)) };
  let current: { readonly step: string; readonly operation?: string } = { step: 'ensure_member' };
  const note = (name: string): void => {
    const { step, ...operation } = current;
    const point: Point = { process: 'agent', name, step };
    reach(point, { ...place, ...operation });
  };
  watchCommandsReceived((moment, { step, suffix, operation }) => {
    current = { step, ...(operation && { operation }) };
    note(`${moment}${suffix}`);
  });
  const { rename } = fsPromises;
  fsPromises.rename = async (from, to) => {
    const isState = basename(String(to)) === 'state.json';
    if (isState) note('storing');
    await rename(from, to);
    note(isState ? 'stored' : 'wrote');
  };
  syncBuiltinESMExports();
}

function stepOf(method: string, path: string): string | undefined {
  return path.includes('/stacks') ? STEP_OF_METHOD[method] : undefined;
}

function isRecord(path: fs.PathLike): boolean {
  return RECORDS.includes(basename(dirname(String(path))));
}
