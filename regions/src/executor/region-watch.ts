// What this region looks like: the stacks that Heat lists, and what the agents in them report. Kept once for all who
// watch; nothing of it is stored, for Heat and the agents hold it. A Heat that does not answer changes nothing here:
// unknown is not gone.
import { AgentState, type Clock, type MemberObservation, pause } from '@argosy/proto';
import type { Logger } from 'pino';
import type { Heat, StackSummary } from '../openstack/heat.ts';
import type { AgentLinks } from './agent-links.ts';
import { AgentObserver, type AgentView } from './agent-observer.ts';
import { toStatus } from './command-error.ts';
import { type MemberRegion, readMemberStack, type StackMember } from './member-stack.ts';
import { memberOfStack, stackTag } from './stack-request.ts';

/** A first listing waits this long for every agent to be reached, or not. */
const FIRST_LOOK_MS = 3_000;
const FIRST_LOOK_POLL_MS = 20;

export interface RegionWatchWorld extends MemberRegion {
  readonly heat: Heat;
  readonly links: AgentLinks;
  readonly clock: Clock;
  readonly log: Logger;
  readonly pollMs: number;
  /** True while the member is being made. */
  isAwaited(memberId: string): boolean;
}

/** A member as it is seen now. */
export interface SeenMember extends StackMember {
  readonly agent: AgentView;
  /** When the agent's state was last another. */
  readonly agentSince: Date;
}

interface Tracked extends StackMember {
  agent: AgentView;
  agentSince: Date;
  observer: AgentObserver | undefined;
}

const AWAITED: AgentView = { state: AgentState.AWAITED, report: undefined, detail: '' };

export type RegionListener = (observation: MemberObservation) => void;

export class RegionWatch {
  readonly #world: RegionWatchWorld;
  readonly #members = new Map<string, Tracked>();
  readonly #listeners = new Set<RegionListener>();
  readonly #ending = new AbortController();
  #refreshing: Promise<void> | undefined;
  #wake: AbortController = new AbortController();
  #hasListed = false;
  #heatFailure = '';

  constructor(world: RegionWatchWorld) {
    this.#world = world;
  }

  /** Looks at Heat until closed. */
  async run(): Promise<void> {
    while (!this.#ending.signal.aborted) {
      await this.refresh().then(
        () => this.#note(),
        (error: unknown) => this.#note(error),
      );
      await pause(this.#world.clock, this.#world.pollMs, AbortSignal.any([this.#ending.signal, this.#wake.signal]));
      if (this.#wake.signal.aborted) this.#wake = new AbortController();
    }
  }

  close(): void {
    this.#ending.abort();
    for (const member of this.#members.values()) member.observer?.close();
  }

  /** Looks at Heat soon. */
  kick(): void {
    this.#wake.abort();
  }

  /** Why Heat did not answer the last look, in a sentence; empty when it did. */
  heatFailure(): string {
    return this.#heatFailure;
  }

  /** True once Heat has been heard: before that nothing is known, also not what is free. */
  hasListed(): boolean {
    return this.#hasListed;
  }

  members(): readonly SeenMember[] {
    return [...this.#members.values()];
  }

  /** How it is seen; undefined when Heat had no such member at the last look. */
  member(memberId: string): SeenMember | undefined {
    return this.#members.get(memberId);
  }

  /** Calls with every change from now on; the answer ends it. */
  subscribe(listener: RegionListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Resolves when Heat has been heard and every agent has been reached or found not to answer. */
  async ready(signal: AbortSignal): Promise<void> {
    while (!this.#hasListed && !signal.aborted) await pause(this.#world.clock, FIRST_LOOK_POLL_MS, signal);
    const end = this.#world.clock.monotonicMs() + FIRST_LOOK_MS;
    const isOpen = (): boolean =>
      [...this.#members.values()].some(({ observer, agent }) => observer !== undefined && agent === AWAITED);
    while (isOpen() && !signal.aborted && this.#world.clock.monotonicMs() < end) {
      await pause(this.#world.clock, FIRST_LOOK_POLL_MS, signal);
    }
  }

  /** Looks at Heat now, or joins the look under way. @throws OpenStackError */
  refresh(): Promise<void> {
    this.#refreshing ??= this.#refresh().finally(() => {
      this.#refreshing = undefined;
    });
    return this.#refreshing;
  }

  observe(member: SeenMember): MemberObservation {
    return {
      clusterId: member.clusterId,
      memberId: member.memberId,
      stackId: member.stack.id,
      stackStatus: member.stack.status,
      gone: false,
      peer: member.location?.peer,
      agent: member.agent.state,
      report: member.agent.report,
      detail: member.agent.detail,
      stackStatusReason: member.stack.status.endsWith('_FAILED') ? member.stack.reason : '',
    };
  }

  async #refresh(): Promise<void> {
    const { federation, heat } = this.#world;
    const found = await heat.list(stackTag(federation));
    const listed = found.filter(({ name }) => memberOfStack(federation, name) !== undefined);
    for (const summary of listed) await this.#see(summary);
    const names = new Set(listed.map(({ name }) => name));
    for (const member of [...this.#members.values()]) if (!names.has(member.stack.name)) this.#lose(member);
    this.#hasListed = true;
  }

  async #see(summary: StackSummary): Promise<void> {
    const memberId = memberOfStack(this.#world.federation, summary.name) ?? '';
    const known = this.#members.get(memberId);
    const isSame =
      known?.stack.id === summary.id && known.stack.status === summary.status && known.stack.reason === summary.reason;
    const isWhole = known?.location !== undefined || summary.status.endsWith('_IN_PROGRESS');
    if (known === undefined || !isSame || !isWhole) {
      const stack = await this.#world.heat.show(summary);
      const seen = stack === undefined ? undefined : readMemberStack(stack, this.#world);
      // Listed with our tag and without our parameters: somebody else's, and left alone.
      if (seen === undefined) return;
      const before = this.#members.get(memberId);
      this.#members.set(memberId, {
        ...seen,
        agent: before?.agent ?? AWAITED,
        agentSince: before?.agentSince ?? this.#world.clock.now(),
        observer: before?.observer,
      });
      const isNews = before?.stack.status !== seen.stack.status || before.stack.reason !== seen.stack.reason;
      if (isNews || before?.stack.id !== seen.stack.id) this.#tell(memberId);
    }
    this.#watchAgent(memberId);
  }

  /** An agent is dialled once its stack is made and it is enrolled; a failed dial before would only teach patience. */
  #watchAgent(memberId: string): void {
    const member = this.#members.get(memberId);
    if (member === undefined) return;
    const { stack, location } = member;
    const isThere =
      !stack.status.startsWith('DELETE_') && stack.status !== 'CREATE_IN_PROGRESS' && location !== undefined;
    // A member that is known to be enrolled stays watched while it is asked for once more.
    const isEnrolled = member.observer !== undefined || !this.#world.isAwaited(memberId);
    const isDialled = isThere && isEnrolled && stack.status !== 'CREATE_FAILED';
    if (!isDialled || member.observer?.location.address !== location.address) {
      member.observer?.close();
      member.observer = undefined;
      this.#setAgent(member, AWAITED);
    }
    if (!isDialled || member.observer !== undefined) return;
    member.observer = new AgentObserver(location, this.#world, (view) => {
      const current = this.#members.get(memberId);
      if (current === undefined) return;
      this.#setAgent(current, view);
      this.#tell(memberId);
    });
  }

  #setAgent(member: Tracked, view: AgentView): void {
    if (member.agent.state !== view.state) member.agentSince = this.#world.clock.now();
    member.agent = view;
  }

  #lose(member: Tracked): void {
    member.observer?.close();
    this.#world.links.reset(member.memberId);
    this.#members.delete(member.memberId);
    const observation = this.observe({ ...member, agent: { ...AWAITED, state: AgentState.UNSPECIFIED } });
    this.#publish({ ...observation, stackStatus: '', gone: true, peer: undefined });
  }

  /** Keeps why Heat does not answer; logs when it falls silent and when it is heard again, not every time in between. */
  #note(error?: unknown): void {
    if (this.#ending.signal.aborted) return;
    const wasHeard = this.#heatFailure === '';
    this.#heatFailure = error === undefined ? '' : toStatus(error).details;
    if (error === undefined && !wasHeard) this.#world.log.info('Heat is heard again');
    if (error !== undefined && wasHeard) this.#world.log.warn({ err: error }, 'stacks cannot be listed');
  }

  #tell(memberId: string): void {
    const member = this.#members.get(memberId);
    if (member !== undefined) this.#publish(this.observe(member));
  }

  #publish(observation: MemberObservation): void {
    for (const listener of this.#listeners) listener(observation);
  }
}
