// `argosy federation ...`, and the regions that it is made of
import type { Command } from 'commander';
import { CommandError } from './errors.ts';
import { type Http, openHttp } from './http.ts';
import { addRegionCommands, renderRegions } from './region-commands.ts';
import { readyAnswer, regionsAnswer } from './resources.ts';
import type { OpenSession, Session } from './session.ts';
import { renderTable } from './tables.ts';

const READY_TIMEOUT_MS = 3_000;

export function addFederationCommands(program: Command, open: OpenSession): void {
  addRegionCommands(program, open);
  program
    .command('federation')
    .description('the federation as a whole')
    .command('status')
    .description('whether the gateway peers and the regions are there; exit 1 when one is not')
    .action(async (_options, command: Command) => status(await open(command), isJson(command)));
}

interface PeerStatus {
  readonly peer: string;
  readonly rest: string;
  readonly status: 'READY' | 'NOT_READY' | 'UNREACHABLE';
  /** In its own words: who leads, or what it waits for. */
  readonly reason: string | undefined;
}

async function status(session: Session, json: boolean): Promise<void> {
  const { client, federation, terminal, access } = session;
  const known = federation?.peers.map((peer) => ({ name: String(peer.id), rest: peer.rest }));
  const addresses = known ?? (await client.endpoints()).map((rest) => ({ name: '-', rest }));
  const http = await openHttp({ caFile: access.caFile, isVerified: access.isVerified });
  const peers = await Promise.all(addresses.map(({ name, rest }) => peerStatus(http, name, rest)));
  const { regions } = await client.get('/v2/regions', regionsAnswer);
  if (json) {
    terminal.out(asJson({ peers, regions }));
  } else {
    terminal.out(
      renderTable(
        ['peer', 'REST', 'status', 'says'],
        peers.map((peer) => [peer.peer, peer.rest, peer.status, peer.reason]),
      ),
    );
    terminal.out(renderRegions(regions));
  }
  const missing = [
    ...peers.filter((peer) => peer.status !== 'READY').map((peer) => `peer ${peer.peer} is ${peer.status}`),
    ...regions.filter((region) => region.status !== 'UP').map((region) => `region ${region.name} is ${region.status}`),
  ];
  if (missing.length > 0) throw new CommandError(`Not everything is there: ${missing.join(', ')}.`);
}

async function peerStatus(http: Http, peer: string, rest: string): Promise<PeerStatus> {
  try {
    const answer = await http({ method: 'GET', url: `${rest}/readyz`, timeoutMs: READY_TIMEOUT_MS });
    const { data } = readyAnswer.safeParse(answer.body);
    return { peer, rest, status: answer.status === 200 ? 'READY' : 'NOT_READY', reason: data?.reason };
  } catch {
    return { peer, rest, status: 'UNREACHABLE', reason: undefined };
  }
}

function isJson(command: Command): boolean {
  return command.optsWithGlobals().json === true;
}

function asJson(value: unknown): string {
  return JSON.stringify(value, undefined, 2);
}
