// One cluster in a federation of its own, for one test: made and changed by the command line, its members lost and given
// back, and deleted without a trace.
import type { ExecutionContext } from 'ava';
import { FederationUnderTest } from '../crash-matrix/local-federation.ts';
import { type ClusterView, type Credentials, type MemberView, Tenant } from '../crash-matrix/tenant.ts';
import { findGuests } from '../crash-matrix/victims.ts';
import { waitUntil } from '../crash-matrix/waiting.ts';
import { argosy, type Said } from '../regions/command-line.ts';
import { clusterOf, primaryOf, whole } from './clusters.ts';
import { Guests } from './guests.ts';

/** The engine may have to be fetched first, and the machine may do much else. */
const MADE_LIMIT_MS = 240_000;
const LIMIT_MS = 120_000;

export interface ToldEvent {
  readonly at: string;
  readonly kind: string;
  readonly message: string;
  readonly cluster_id: string | null;
}

/** What can go on beside a change. */
export interface Beside {
  /** Answers when so many more are acknowledged. */
  write(count: number): Promise<void>;
  /** Up to the last acknowledgement. */
  longestPauseMs(sinceMs: number): number;
}

export class Trial {
  readonly t: ExecutionContext;
  readonly home: string;
  readonly name: string;
  readonly tenant: Tenant;
  readonly guests: Guests;
  /** As it was when it was made. */
  readonly made: ClusterView;
  readonly credentials: Credentials;

  private constructor(
    t: ExecutionContext,
    federation: FederationUnderTest,
    cluster: { readonly made: ClusterView; readonly credentials: Credentials },
  ) {
    this.t = t;
    this.home = federation.home;
    this.name = cluster.made.name;
    this.tenant = new Tenant(federation.home);
    this.guests = new Guests(federation.home);
    this.made = cluster.made;
    this.credentials = cluster.credentials;
  }

  /** `words` follow `argosy cluster create NAME`. What is made ends with the test. */
  static async begin(t: ExecutionContext, name: string, ...words: readonly string[]): Promise<Trial> {
    const federation = await FederationUnderTest.start();
    t.teardown(() => federation.stop(!t.passed));
    const { home } = federation;
    const beginMs = performance.now();
    const { code, out, error } = await argosy(home, 'demo', 'cluster', 'create', name, ...words, '--json');
    t.is(code, 0, error);
    const { credentials } = JSON.parse(out) as { credentials: Credentials };
    const made = await whole(new Tenant(home), name, { limitMs: MADE_LIMIT_MS });
    t.log(`made in ${Math.round(performance.now() - beginMs)} ms`);
    return new Trial(t, federation, { made, credentials });
  }

  async cluster(): Promise<ClusterView> {
    return await clusterOf(this.tenant, this.name);
  }

  async primary(): Promise<MemberView> {
    return primaryOf(await this.cluster());
  }

  /** All members are up and follow the primary of that epoch or a later one, and nothing is under way. */
  async whole(epoch = 0): Promise<ClusterView> {
    return await whole(this.tenant, this.name, { epoch, limitMs: LIMIT_MS });
  }

  /** A command of the tenant that is done. Answers what it wrote. */
  async says(...words: readonly string[]): Promise<string> {
    const { code, out, error } = await argosy(this.home, 'demo', ...words);
    this.t.is(code, 0, `argosy ${words.join(' ')}: ${out}${error}`);
    return out;
  }

  /** As an operator does it: what the cluster does by itself just now is waited for. */
  async #accepted(...words: readonly string[]): Promise<void> {
    const isBusy = ({ code, error }: Said): boolean => code !== 0 && error.includes('cluster.busy');
    let said: Said | undefined;
    await waitUntil(`${words.join(' ')} is accepted`, LIMIT_MS, async () => {
      said = await argosy(this.home, 'demo', ...words, '--wait');
      return !isBusy(said);
    });
    this.t.is(said?.code, 0, `argosy ${words.join(' ')}: ${said?.out}${said?.error}`);
  }

  async refuses(reason: RegExp, ...words: readonly string[]): Promise<void> {
    const { code, error } = await argosy(this.home, 'demo', ...words);
    this.t.is(code, 1, words.join(' '));
    this.t.regex(error, reason);
  }

  /** A change by the command line to its end, while writes are acknowledged before and after. */
  async changes(writer: Beside, writes: number, what: string, ...words: readonly string[]): Promise<void> {
    const beginMs = performance.now();
    await this.#accepted(...words);
    const tookMs = Math.round(performance.now() - beginMs);
    await this.whole();
    await writer.write(writes);
    this.t.log(`${what}: ${tookMs} ms, longest pause ${Math.round(writer.longestPauseMs(beginMs))} ms`);
  }

  /** What was told of the cluster, in events of these kinds. */
  async told(kinds: RegExp): Promise<ToldEvent[]> {
    const { body } = await this.tenant.ask('GET', `/v2/events?cluster=${this.made.id}&limit=1000`);
    const events = (body as { events: ToldEvent[] }).events.filter(({ kind }) => kinds.test(kind));
    for (const { at, kind, message } of events) this.t.log(`${at} ${kind} ${message}`);
    return events;
  }

  /** Nothing of it is left. */
  async ends(): Promise<void> {
    await this.says('cluster', 'delete', this.name, '--wait');
    this.t.is(await this.tenant.cluster(this.name), undefined);
    const isOurs = (memberId: string | undefined): boolean => memberId?.startsWith(this.made.id) === true;
    const areGone = (): boolean => !findGuests(this.home).some(({ memberId }) => isOurs(memberId));
    await waitUntil('no process of it is left', LIMIT_MS, areGone);
  }
}
