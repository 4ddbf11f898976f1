// A cluster of three in a local federation, as the benchmarks disturb it: its primary's server or whole machine, its whole
// region, or its primary by a planned change.
import { clusterOf, whole } from '../../continuity/clusters.ts';
import { Guests } from '../../continuity/guests.ts';
import { outsideClient } from '../../continuity/outside-client.ts';
import type { RetryingClient } from '../../continuity/retrying-client.ts';
import { FederationUnderTest } from '../../crash-matrix/local-federation.ts';
import { type ClusterView, type MemberView, Tenant } from '../../crash-matrix/tenant.ts';
import { readFederation } from '../../crash-matrix/victims.ts';
import { waitUntil } from '../../crash-matrix/waiting.ts';
import { removeAll } from '../../load/clusters.ts';
import type { Side, Strike } from './contest.ts';

const NAME = 'struck';
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

  /** The cluster `demo`, which is of no use here, is deleted first. */
  static async start(datastore: string): Promise<ArgosyCluster> {
    const federation = await FederationUnderTest.start(['--requests-per-second', '10000']);
    try {
      const tenant = new Tenant(federation.home);
      await removeAll(federation, tenant, [await clusterOf(tenant, 'demo')]);
      const wish = { name: NAME, datastore: { type: datastore }, topology: { voters: 3 } };
      const accepted = await tenant.change('POST', '/v2/clusters', {
        cluster: { ...wish, placement: { survive: 'region' } },
      });
      if (accepted?.credentials === undefined) throw new Error('No password was told.');
      const cluster = await whole(tenant, NAME, { epoch: 1, limitMs: WHOLE_LIMIT_MS });
      return new ArgosyCluster(federation, tenant, outsideClient(federation.home, cluster, accepted.credentials));
    } catch (error) {
      await federation.stop();
      throw error;
    }
  }

  /** Every member is up and follows the primary, and every process serves. */
  async whole(): Promise<ClusterView> {
    await this.#federation.ready();
    return await whole(this.#tenant, NAME, { limitMs: WHOLE_LIMIT_MS });
  }

  /** As a side of a contest, struck so. */
  struckBy(strike: Strike): Side {
    return { client: this.client, whole: () => this.whole(), strike };
  }

  /** The server alone; what watches it lives on. */
  async killServer(): Promise<() => void> {
    const { id } = await this.#primary();
    this.#guests.killServer(id);
    return () => undefined;
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
  async switchOver(): Promise<() => void> {
    const { members } = await this.whole();
    const to = members.find(({ role }) => role === 'replica')?.id;
    const accepted = await this.#tenant.change('POST', `/v2/clusters/${NAME}/switchover`, { to });
    const id = accepted?.operation.id ?? '';
    await waitUntil('the switchover has ended', WHOLE_LIMIT_MS, async () => {
      const { status, error } = await this.#tenant.operation(id);
      if (status === 'FAILED' || status === 'CANCELLED') throw new Error(`The switchover ended ${status}: ${error}`);
      return status === 'DONE';
    });
    return () => undefined;
  }

  async close(): Promise<void> {
    await this.client.end();
    await this.#federation.stop();
  }

  /** The member that takes the client's writes: what the gateway says may be a moment old. */
  async #primary(): Promise<MemberView> {
    const { members } = await this.whole();
    const primary = members.find(({ address }) => address === this.client.place?.host);
    if (primary === undefined) throw new Error('The cluster has no primary.');
    return primary;
  }
}
