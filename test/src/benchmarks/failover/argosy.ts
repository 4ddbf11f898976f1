// The cluster `demo` of a local federation, as the benchmark disturbs it: its primary's machine, its whole region, or its
// primary by a planned change.
import { readFileSync } from 'node:fs';
import { Guests } from '../../continuity/guests.ts';
import { RetryingClient } from '../../continuity/retrying-client.ts';
import { FederationUnderTest } from '../../crash-matrix/local-federation.ts';
import { type ClusterView, type MemberView, Tenant } from '../../crash-matrix/tenant.ts';
import { readFederation } from '../../crash-matrix/victims.ts';
import { waitUntil } from '../../crash-matrix/waiting.ts';

const WHOLE_LIMIT_MS = 180_000;

export class ArgosyCluster {
  readonly #federation: FederationUnderTest;
  readonly #tenant: Tenant;
  readonly #guests: Guests;
  readonly client: RetryingClient;

  private constructor(federation: FederationUnderTest, tenant: Tenant, client: RetryingClient) {
    this.#federation = federation;
    this.#tenant = tenant;
    this.#guests = new Guests(federation.home);
    this.client = client;
  }

  static async start(): Promise<ArgosyCluster> {
    const federation = await FederationUnderTest.start(['--requests-per-second', '10000']);
    try {
      const tenant = new Tenant(federation.home);
      const accepted = await tenant.change('POST', '/v2/clusters/demo/credentials', {});
      if (accepted?.credentials === undefined) throw new Error('No password was told.');
      const { username: user, password, database } = accepted.credentials;
      const members = (await tenant.cluster('demo'))?.members ?? [];
      const places = members.map(({ address }) => ({ host: address ?? '', port: 5432 }));
      const ssl = { ca: readFileSync(readFederation(federation.home).ca, 'utf8') };
      const client = new RetryingClient(places, { user, password, database, ssl });
      return new ArgosyCluster(federation, tenant, client);
    } catch (error) {
      await federation.stop();
      throw error;
    }
  }

  /** Every member is up and follows the primary, and every process serves. */
  async whole(): Promise<ClusterView> {
    let last: ClusterView | undefined;
    await this.#federation.ready();
    await waitUntil(
      'demo is whole',
      WHOLE_LIMIT_MS,
      async () => {
        last = await this.#tenant.cluster('demo');
        return last?.status === 'ACTIVE' && last.members.every(({ status }) => status === 'UP');
      },
      () => JSON.stringify(last),
    );
    if (last === undefined) throw new Error('unreachable');
    return last;
  }

  /** Database, agent and init of the primary's machine. */
  async killPrimary(): Promise<() => void> {
    const { id } = await this.#primary();
    return this.#guests.cutPower(({ memberId }) => memberId === id);
  }

  /** With its executor, its cloud and the gateway peer that stands beside it. */
  async killRegion(): Promise<() => void> {
    const { region } = await this.#primary();
    const { peers, regions } = readFederation(this.#federation.home);
    const peer = peers[regions.findIndex(({ name }) => name === region)]?.pid;
    const giveBack = this.#guests.cutRegion(region);
    if (peer !== null && peer !== undefined) process.kill(peer, 'SIGKILL');
    return giveBack;
  }

  /** Answers when it has ended. */
  async switchOver(): Promise<void> {
    const { members } = await this.whole();
    const to = members.find(({ role }) => role === 'replica')?.id;
    const accepted = await this.#tenant.change('POST', '/v2/clusters/demo/switchover', { to });
    const id = accepted?.operation.id ?? '';
    await waitUntil('the switchover has ended', WHOLE_LIMIT_MS, async () => {
      const { status, error } = await this.#tenant.operation(id);
      if (status === 'FAILED' || status === 'CANCELLED') throw new Error(`The switchover ended ${status}: ${error}`);
      return status === 'DONE';
    });
  }

  async close(): Promise<void> {
    await this.client.end();
    await this.#federation.stop();
  }

  /** The member that takes the client's writes: what the gateway says may be a moment old. */
  async #primary(): Promise<MemberView> {
    const { members } = await this.whole();
    const primary = members.find(({ address }) => address === this.client.place?.host);
    if (primary === undefined) throw new Error('demo has no primary.');
    return primary;
  }
}
