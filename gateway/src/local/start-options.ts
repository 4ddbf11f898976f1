// The arguments of `npm start`.
import { parseArgs } from 'node:util';
import { DEFAULT_PORT_BASE, REGION_NAMES, type RegionName } from './layout.ts';

/** The arguments are wrong: exit 2. */
export class StartUsageError extends Error {
  override readonly name = 'StartUsageError';
}

export interface StartOptions {
  readonly isFresh: boolean;
  readonly portBase: number;
  /** How often a project may ask each peer; undefined: as often as it may anywhere. */
  readonly requestsPerSecond: number | undefined;
  /** The regions with a real Keystone and a real Heat; undefined: as the federation was begun. */
  readonly openstack: readonly RegionName[] | undefined;
  /** Each region in a network of its own; false: as the federation was begun. */
  readonly isNetworked: boolean;
  /** The regions whose members are dialled at other addresses than they bind; undefined: as the federation was begun. */
  readonly translated: readonly RegionName[] | undefined;
  readonly wantsHelp: boolean;
}

export const USAGE = `Usage: npm start [-- OPTIONS]

Brings up a whole federation on this machine and stays in the foreground; Ctrl-C stops it.

  --fresh                    begin with an empty state
  --netns                    each region in a network namespace of its own, whose links can be cut and slowed; as
                             root only; said once, it stays
  --translate REGION,...     with --netns: members of these regions are dialled at other addresses than they bind
  --openstack [REGION,...]   a real Keystone and a real Heat in these regions (default: in all); said once, it stays
  --port-base N              REST of peer i listens on N+i-1 (default ${DEFAULT_PORT_BASE})
  --requests-per-second N    how often a project may ask each peer (default 50; 200 at once)

ARGOSY_HOME names where its state is kept (default .argosy).`;

const MAX_REQUESTS_PER_SECOND = 1_000_000;
const FIRST_UNPRIVILEGED_PORT = 1024;
/** Ports of the range that browsers, and fetch with them, refuse to speak to (WHATWG Fetch, "port blocking"). */
const BLOCKED_PORTS = [
  1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080,
];

/**
 * @param firstEphemeralPort the kernel gives ports from here on to clients, so servers stay below it.
 * @throws StartUsageError
 */
export function readStartOptions(args: readonly string[], firstEphemeralPort: number): StartOptions {
  const { values } = parse(args.flatMap(nameRegions));
  const portBase = values['port-base'] === undefined ? DEFAULT_PORT_BASE : Number(values['port-base']);
  const last = firstEphemeralPort - REGION_NAMES.length;
  if (!Number.isInteger(portBase) || portBase < FIRST_UNPRIVILEGED_PORT || portBase > last) {
    throw new StartUsageError(`--port-base must be a number from ${FIRST_UNPRIVILEGED_PORT} to ${last}.`);
  }
  const blocked = REGION_NAMES.map((_, index) => portBase + index).find((port) => BLOCKED_PORTS.includes(port));
  if (blocked !== undefined)
    throw new StartUsageError(`HTTP clients refuse to speak to port ${blocked}; choose another.`);
  const rate = values['requests-per-second'];
  const requestsPerSecond = rate === undefined ? undefined : Number(rate);
  if (requestsPerSecond !== undefined && !(requestsPerSecond > 0 && requestsPerSecond <= MAX_REQUESTS_PER_SECOND))
    throw new StartUsageError(`--requests-per-second must be a number from 1 to ${MAX_REQUESTS_PER_SECOND}.`);
  const openstack = values.openstack === undefined ? undefined : readRegions('--openstack', values.openstack);
  const translated = values.translate === undefined ? undefined : readRegions('--translate', values.translate);
  if (translated !== undefined && values.netns !== true) {
    throw new StartUsageError('--translate needs --netns: only networks of their own can be translated.');
  }
  return {
    ...{ isFresh: values.fresh === true, portBase, requestsPerSecond, openstack },
    ...{ isNetworked: values.netns === true, translated, wantsHelp: values.help === true },
  };
}

/** `--openstack` may stand alone, which no parser of arguments knows: all regions are named then. */
function nameRegions(argument: string, index: number, args: readonly string[]): string[] {
  if (argument === '--openstack') {
    const next = args[index + 1];
    return [`--openstack=${next === undefined || next.startsWith('-') ? REGION_NAMES.join(',') : next}`];
  }
  return args[index - 1] === '--openstack' && !argument.startsWith('-') ? [] : [argument];
}

function readRegions(option: string, text: string): RegionName[] {
  const named = text.split(',');
  const unknown = named.find((name) => !REGION_NAMES.some((known) => known === name));
  if (unknown !== undefined) {
    throw new StartUsageError(`${option}: there is no region "${unknown}"; there are ${REGION_NAMES.join(', ')}.`);
  }
  return REGION_NAMES.filter((name) => named.includes(name));
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        fresh: { type: 'boolean' },
        netns: { type: 'boolean' },
        translate: { type: 'string' },
        openstack: { type: 'string' },
        'port-base': { type: 'string' },
        'requests-per-second': { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
      strict: true,
      allowPositionals: false,
    });
  } catch (error) {
    const reason = error instanceof Error ? (error.message.split('. ')[0] ?? '') : String(error);
    throw new StartUsageError(`${reason}. See "npm start -- --help".`, { cause: error });
  }
}
