// A region's Heat, as an executor uses it: stacks that take time to be made and deleted, with guests in them. It may not
// answer for a while, and a stack may fail.

import type { UserData } from '@argosy/images';
import { type Heat, type NewStack, OpenStackError, type Stack, type StackEvent, type StackRef } from '@argosy/regions';
import { status } from '@grpc/grpc-js';
import { Guest, type GuestPlace, type GuestWorld } from './guest.ts';
import type { SimulatedProcess } from './process.ts';

const ANSWER_MS = 8;
const CREATE_MS = 1_500;
const DELETE_MS = 600;
const UPDATE_MS = 1_200;
const GROUP_MS = 300;

interface HeldStack {
  stack: Stack;
  readonly events: StackEvent[];
  /** A stack of something else than a member has none. */
  readonly guest: Guest | undefined;
}

export class SimulatedHeat {
  readonly #world: GuestWorld;
  readonly #federation: string;
  readonly #region: string;
  readonly #addressOf: () => string;
  readonly #stacks = new Map<string, HeldStack>();
  #count = 0;
  isSilent = false;
  /** How likely a create fails. */
  failureChance = 0;

  constructor(world: GuestWorld, where: { federation: string; region: string; nextAddress: () => string }) {
    this.#world = world;
    this.#federation = where.federation;
    this.#region = where.region;
    this.#addressOf = where.nextAddress;
  }

  get guests(): Guest[] {
    return [...this.#stacks.values()].filter(({ stack }) => !isGone(stack)).flatMap(({ guest }) => guest ?? []);
  }

  /** Heat as this process of an executor sees it. */
  client(process: SimulatedProcess): Heat {
    const ask = <Result>(effect: () => Result): Promise<Result> =>
      process.operate(ANSWER_MS * this.#world.random.between(0.5, 3), () => {
        if (this.isSilent) throw new OpenStackError('Heat does not answer.', { code: status.UNAVAILABLE });
        return effect();
      });
    return {
      create: (stack) => ask(() => this.#create(stack)),
      update: (ref, parameters) => ask(() => this.#update(ref, parameters)),
      find: (name) => ask(() => this.#held(name)?.stack),
      show: (ref) => ask(() => this.#stacks.get(ref.id)?.stack),
      list: (tag) => ask(() => this.#list().filter(({ tags }) => tag.split(',').every((one) => tags.includes(one)))),
      remove: (ref) => ask(() => this.#remove(ref)),
      events: (ref, marker) => ask(() => this.#events(ref, marker)),
      // Templates are not played, and no server is ever lost.
      preview: () => ask(() => undefined),
      adopt: () => ask(() => undefined),
      resources: () => ask(() => []),
      attributes: () => ask(() => ({})),
      lastEvent: (ref) => ask(() => this.#stacks.get(ref.id)?.events.at(-1)?.id),
    };
  }

  #list(): Stack[] {
    return [...this.#stacks.values()].map(({ stack }) => stack).filter((stack) => !isGone(stack));
  }

  #held(name: string): HeldStack | undefined {
    return [...this.#stacks.values()].find(({ stack }) => stack.name === name && !isGone(stack));
  }

  #events(ref: StackRef, marker: string | undefined): StackEvent[] {
    const events = this.#stacks.get(ref.id)?.events ?? [];
    return marker === undefined ? [...events] : events.slice(events.findIndex(({ id }) => id === marker) + 1);
  }

  #become(id: string, state: string, reason = ''): void {
    const held = this.#stacks.get(id);
    if (held === undefined) return;
    held.stack = { ...held.stack, status: state, reason };
    this.#count += 1;
    held.events.push({ id: `event-${this.#count}`, resourceName: held.stack.name, status: state, reason });
    this.#world.trace(`heat ${this.#region} ${held.stack.name} ${state}`);
  }

  #create(wanted: NewStack): StackRef {
    if (this.#held(wanted.name) !== undefined) {
      throw new OpenStackError('It exists.', { code: status.ALREADY_EXISTS, type: 'StackExists', httpStatus: 409 });
    }
    this.#count += 1;
    const id = `stack-${this.#region}-${this.#count}`;
    const parameters = Object.fromEntries(
      Object.entries(wanted.parameters).map(([name, value]) => [name, String(value)]),
    );
    const stack = { id, name: wanted.name, tags: wanted.tags, parameters, outputs: {}, reason: '', status: '' };
    if (parameters.user_data === undefined) return this.#createGroup(stack);
    const userData = JSON.parse(parameters.user_data) as UserData;
    const where: GuestPlace = {
      ...{ federation: this.#federation, region: this.#region, address: this.#addressOf() },
      ...{ clusterId: userData.cluster_id, memberId: userData.member_id },
    };
    const guest = new Guest(where, userData, this.#world);
    this.#stacks.set(id, { stack, events: [], guest });
    this.#become(id, 'CREATE_IN_PROGRESS');
    const isFailing = this.#world.random.chance(this.failureChance);
    this.#later(id, CREATE_MS, 'CREATE_IN_PROGRESS', () => {
      if (isFailing) return this.#become(id, 'CREATE_FAILED', 'ResourceInError: the server went to status ERROR');
      this.#setOutputs(id, where.address);
      this.#become(id, 'CREATE_COMPLETE');
      guest.boot();
    });
    return { id, name: wanted.name };
  }

  /** What keeps members apart costs a moment. */
  #createGroup(stack: Stack): StackRef {
    const { id, name } = stack;
    this.#stacks.set(id, { stack: { ...stack, outputs: { group: id } }, events: [], guest: undefined });
    this.#become(id, 'CREATE_IN_PROGRESS');
    this.#later(id, GROUP_MS, 'CREATE_IN_PROGRESS', () => this.#become(id, 'CREATE_COMPLETE'));
    return { id, name };
  }

  #setOutputs(id: string, address: string): void {
    const held = this.#stacks.get(id);
    if (held === undefined) return;
    const outputs = { address, local_address: address, volume_gib: Number(held.stack.parameters.volume_size) };
    held.stack = { ...held.stack, outputs };
  }

  #later(id: string, ms: number, expected: string, act: () => void): void {
    this.#world.timeline.after(ms * this.#world.random.between(0.5, 2), () => {
      if (this.#stacks.get(id)?.stack.status === expected) act();
    });
  }

  /** A guest of another flavor is another guest around the same volume. */
  #update(ref: StackRef, parameters: Readonly<Record<string, string | number>>): void {
    const held = this.#stacks.get(ref.id);
    if (held === undefined || isGone(held.stack))
      throw new OpenStackError('No such stack.', { code: status.NOT_FOUND });
    const changed = Object.fromEntries(Object.entries(parameters).map(([name, value]) => [name, String(value)]));
    held.stack = { ...held.stack, parameters: { ...held.stack.parameters, ...changed } };
    this.#become(ref.id, 'UPDATE_IN_PROGRESS');
    const { guest } = held;
    guest?.losePower();
    this.#later(ref.id, UPDATE_MS, 'UPDATE_IN_PROGRESS', () => {
      if (guest !== undefined) this.#setOutputs(ref.id, guest.address);
      this.#become(ref.id, 'UPDATE_COMPLETE');
      guest?.boot();
    });
  }

  #remove(ref: StackRef): void {
    const held = this.#stacks.get(ref.id);
    if (held === undefined || isGone(held.stack) || held.stack.status === 'DELETE_IN_PROGRESS') return;
    this.#become(ref.id, 'DELETE_IN_PROGRESS');
    this.#later(ref.id, DELETE_MS, 'DELETE_IN_PROGRESS', () => {
      held.guest?.remove();
      this.#become(ref.id, 'DELETE_COMPLETE');
    });
  }
}

function isGone({ status: state }: Stack): boolean {
  return state === 'DELETE_COMPLETE';
}
