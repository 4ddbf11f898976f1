// The door of an asynchronous member, and how its primary asks the grantors. The door outlives its agent, ends with the
// guest's power, and tells its own time: what it does not know it does not let out.
import { LEASE, type LeaseMachine, RENEWAL_MS } from '@argosy/images';
import { type CallWorld, type Server, unary } from './calls.ts';
import type { SimulatedProcess } from './process.ts';

const START_MS = 20;
const SAY_MS = 0.2;

export class SimulatedDoor {
  #deadlineMs = Number.NEGATIVE_INFINITY;
  readonly #bootMs: () => number;

  constructor(bootMs: () => number) {
    this.#bootMs = bootMs;
  }

  move(deadlineMs: number): void {
    this.#deadlineMs = deadlineMs;
  }

  get deadlineMs(): number {
    return this.#deadlineMs;
  }

  get isOpen(): boolean {
    return this.#bootMs() < this.#deadlineMs;
  }
}

export interface DoorHost {
  door: SimulatedDoor | undefined;
  readonly isOn: boolean;
  /** Of the guest's clock that goes on while everything of it stands still. */
  bootMs(): number;
}

export interface LeaseWorld {
  readonly calls: CallWorld;
  placeOf(address: string): string;
  agentAt(address: string): Server | undefined;
}

export function leaseMachineOf(host: DoorHost, agent: SimulatedProcess, world: LeaseWorld): LeaseMachine {
  const bootMs = (): number => host.bootMs();
  const call = (method: 'grantLease' | 'returnLease', address: string, request: object) =>
    new Promise<void>((resolve, reject) => {
      const to = (): Server | undefined => world.agentAt(address);
      const deadline = new Date(agent.clock.now().getTime() + RENEWAL_MS);
      unary(world.calls, { from: agent, to, toPlace: world.placeOf(address), method, request, deadline }, (error) =>
        error === null ? resolve() : reject(error),
      );
    });
  return {
    bootMs,
    door: {
      open: () =>
        agent.operate(START_MS, () => {
          if (host.isOn) host.door ??= new SimulatedDoor(bootMs);
        }),
      move: (deadlineMs) => agent.operate(SAY_MS, () => host.door?.move(deadlineMs)),
      end: () =>
        agent.operate(SAY_MS, () => {
          host.door = undefined;
        }),
    },
    links: {
      ask: ({ address }, header) => call('grantLease', address, { header, leaseMs: LEASE.grantedMs }),
      handBack: ({ address }, header) => call('returnLease', address, { header }),
      close: () => undefined,
    },
  };
}
