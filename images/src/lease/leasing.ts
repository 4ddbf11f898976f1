// What a member of an asynchronous cluster has more than another: a door before its driver, and a word as a grantor.
import type { Position } from '@argosy/datastores';
import { type Driver, systemProcesses } from '@argosy/datastores/drivers';
import { behindDoor, type Clock, type Credentials, systemClock } from '@argosy/proto';
import type { Logger } from 'pino';
import { bootMs } from './boot-clock.ts';
import { type DoorKeeper, ProcessDoor } from './door-keeper.ts';
import { Grantor } from './grantor.ts';
import { AgentLinks, type GrantorLinks } from './grantor-links.ts';
import { LeaseKeeper } from './lease-keeper.ts';
import { LeasedDriver } from './leased-driver.ts';

/** The machine, as far as a lease needs it: another where it is imagined. */
export interface LeaseMachine {
  readonly door: DoorKeeper;
  readonly links: GrantorLinks;
  readonly bootMs: () => number;
}

export interface LeasingPlace {
  readonly address: string;
  readonly port: number;
  readonly runFolder: string;
}

export interface Leasing {
  readonly driver: Driver;
  readonly keeper: LeaseKeeper;
  readonly grantor: Grantor;
}

export function systemMachine(place: LeasingPlace, credentials: () => Credentials, log: Logger): LeaseMachine {
  const { address, port, runFolder } = place;
  const door = new ProcessDoor({
    ...{ address, port, serverPort: behindDoor(port), runFolder, clock: systemClock, log },
    // The agent's own program, as the agent's own user.
    program: [process.execPath, ...process.argv.slice(1, 2)],
    processes: systemProcesses({ uid: undefined, gid: undefined }, systemClock),
  });
  return { door, links: new AgentLinks(credentials), bootMs };
}

export function leasingOf(
  inner: Driver,
  machine: LeaseMachine,
  parts: {
    readonly clusterId: string;
    readonly memberId: string;
    readonly clock: Clock;
    readonly log: Logger;
    readonly compare: (left: Position, right: Position) => number;
  },
): Leasing {
  const { clusterId, memberId, clock, log, compare } = parts;
  const own = { clusterId, memberId, clock, log, compare };
  const keeper = new LeaseKeeper({ ...own, ...machine, progress: () => inner.progress() });
  return { keeper, driver: new LeasedDriver(inner, keeper), grantor: new Grantor(clock, machine.bootMs) };
}
