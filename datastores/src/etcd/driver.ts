// The driver of etcd: what the agent asks, in terms of one server among those that rule themselves. A member comes in as a
// learner, which has no vote, so that one that never comes up costs the others no majority; it is given its vote when it
// has caught up.
import type { Accounts } from '../accounts.ts';
import {
  type Admin,
  DriverError,
  type DriverOptions,
  type ProbeResult,
  type ServerCertificate,
  type Upstream,
} from '../driver.ts';
import { enterByOneOf } from '../entering.ts';
import type { ParameterValues } from '../parameters.ts';
import type { PlainServer } from '../plain-server.ts';
import type { RuledDriver } from '../ruled-driver.ts';
import { Client, type ListedMember, membersOf } from './client.ts';
import { forgetFounding, makeFirstDatabase } from './founding.ts';
import { EtcdError, encoded, type ServerPlace, UNAVAILABLE } from './gateway.ts';
import { type Layout, layoutOf } from './layout.ts';
import { RecordFile } from './record.ts';
import { etcdServer, type Place, peerUrlOf, serverProgram } from './server.ts';

/** A majority that does not answer by then does not serve. */
const PROBE_MS = 1_000;
const CHANGE_MS = 10_000;
/** etcd takes nobody in before its members have been connected to each other for five seconds. */
/** A key that nobody writes: what is read is that a majority answers. */
const PROBE_KEY = encoded('\0argosy');

export function etcdDriver(options: DriverOptions): RuledDriver {
  return new EtcdDriver(options, layoutOf(options.volume));
}

class EtcdDriver implements RuledDriver {
  readonly #options: DriverOptions;
  readonly #layout: Layout;
  readonly #record: RecordFile;
  readonly #server: PlainServer;
  readonly #client: Client;
  #parameters: ParameterValues;
  #root = '';

  constructor(options: DriverOptions, layout: Layout) {
    this.#options = options;
    this.#layout = layout;
    this.#record = new RecordFile(options, layout);
    this.#server = etcdServer(options, layout);
    this.#client = this.#clientOf(options);
    this.#parameters = options.parameters ?? {};
  }

  async recover(): Promise<boolean> {
    const { owner, files } = this.#options;
    for (const folder of this.#layout.folders) await files.ensureFolder(folder, { mode: 0o700, owner });
    await this.#record.open();
    await forgetFounding(this.#options, this.#layout);
    this.#root = (await files.readIfThere(this.#layout.rootFile)) ?? '';
    if (await this.#server.adopt()) return true;
    await this.#server.clear();
    return false;
  }

  /** The server reads them at every handshake. */
  async installCertificate({ certificate, key, root }: ServerCertificate): Promise<void> {
    const { files, owner } = this.#options;
    const options = { mode: 0o600, owner };
    await files.writeDurably(this.#layout.rootFile, root, options);
    await files.writeDurably(this.#layout.keyFile, key, options);
    await files.writeDurably(this.#layout.certificateFile, certificate, options);
    this.#root = root;
  }

  async found(admin: Admin): Promise<void> {
    await this.#empty();
    const secret = await this.#record.draw();
    await makeFirstDatabase({ options: this.#options, layout: this.#layout, secret, admin });
  }

  async enter(peers: readonly Upstream[], signal: AbortSignal): Promise<void> {
    await this.#empty();
    await enterByOneOf(peers, { options: this.#options, signal }, async (peer) => {
      await this.#record.ask(peer);
      await this.#start({ cluster: await this.#takenInBy(peer) });
    });
  }

  async isCounted(peers: readonly Upstream[]): Promise<boolean> {
    for (const peer of peers) {
      const members = await this.#clientOf(peer)
        .members()
        .catch(() => undefined);
      if (members !== undefined) return entryOf(members, this.#options) !== undefined;
    }
    throw new DriverError('unavailable', 'No other member of the cluster tells who its members are.');
  }

  async start(): Promise<void> {
    if (!this.isRunning()) await this.#start();
  }

  async isServing(peers: readonly Upstream[]): Promise<boolean> {
    if (!this.isRunning()) return false;
    const { ownId: own, isLearner } = await this.#client.status(PROBE_MS);
    // A learner answers nothing else, and cannot ask for its vote.
    for (const peer of isLearner ? peers : []) {
      const isAsked = await this.#clientOf(peer)
        .call('cluster/member/promote', { ID: own }, CHANGE_MS)
        .catch(() => undefined);
      if (isAsked !== undefined) break;
    }
    return await this.#answers();
  }

  async dismiss(leaver: Upstream): Promise<void> {
    const found = entryOf(await this.#client.members(), leaver);
    if (found !== undefined) await remove(this.#client, found);
  }

  async configure(parameters: ParameterValues): Promise<void> {
    this.#parameters = parameters;
  }

  async setAccounts({ users, databases, gone }: Accounts): Promise<void> {
    const names = [...users, ...databases].map(({ name }) => name).concat(gone.users, gone.databases);
    if (names.length > 0) throw new DriverError('refused', 'etcd has no users beside the first here.');
  }

  async probe(): Promise<ProbeResult> {
    await this.#server.limitLog();
    const nothing = {
      isUp: false,
      isOpen: false,
      hearing: undefined,
      position: undefined,
      streams: [],
      serverVersion: '',
    };
    if (!this.isRunning()) return { ...nothing, detail: `etcd does not run: ${await this.#server.complaint()}` };
    try {
      const status = await this.#client.status(PROBE_MS);
      const isUp = !status.isLearner && (await this.#answers());
      return {
        ...nothing,
        ...{ isUp, isOpen: isUp, serverVersion: status.version, leads: isUp && status.leaderId === status.ownId },
        position: { epoch: status.term, value: status.index },
        detail: isUp ? '' : 'The member answers, and has no majority behind it or no vote yet.',
      };
    } catch (error) {
      return { ...nothing, detail: error instanceof Error ? error.message : String(error) };
    }
  }

  async share(): Promise<string> {
    return this.#record.secret;
  }

  async stop(): Promise<void> {
    await this.#server.stop();
  }

  async cutPower(): Promise<void> {
    await this.#server.cutPower();
  }

  isRunning(): boolean {
    return this.#server.pid !== undefined;
  }

  onCrash(call: () => void): void {
    this.#server.onCrash(call);
  }

  async release(): Promise<void> {
    this.#server.release();
  }

  async #start(place?: Place): Promise<void> {
    await this.#server.start(serverProgram(this.#options, this.#layout, { parameters: this.#parameters, place }));
  }

  /** Has a peer take this member in, as a learner; answers who the members are then, as a server is told. */
  async #takenInBy(peer: Upstream): Promise<string> {
    const client = this.#clientOf(peer);
    const { memberId } = this.#options;
    // What it once acknowledged is gone from this volume: nobody may count on it under its old name.
    const members = await client.members();
    const known = entryOf(members, this.#options);
    // Members join one at a time: another learner is what a join that came to nothing has left, and would be the last.
    const left = members.filter((member) => member.isLearner && member !== known);
    for (const member of known === undefined ? left : [known, ...left]) await remove(client, member);
    const body = { peerURLs: [peerUrlOf(this.#options)], isLearner: true };
    return membersOf(await client.call('cluster/member/add', body, CHANGE_MS))
      .flatMap(({ name, peerUrls }) => peerUrls.map((url) => `${name === '' ? memberId : name}=${url}`))
      .join(',');
  }

  /** A read that a majority has confirmed. */
  async #answers(): Promise<boolean> {
    return await this.#client.call('kv/range', { key: PROBE_KEY }, PROBE_MS).then(
      () => true,
      () => false,
    );
  }

  async #empty(): Promise<void> {
    await this.#server.stop();
    await this.#options.files.remove(this.#layout.member);
  }

  #clientOf({ address, port }: { readonly address: string; readonly port: number }): Client {
    const { clusterId } = this.#options;
    const place = (): ServerPlace => ({ kind: 'tls', address, port, root: this.#root, clusterId });
    return new Client(place, () => this.#record.secret);
  }
}

/** One that was taken in and never started has no name yet. */
function entryOf(
  members: readonly ListedMember[],
  { memberId, address }: Pick<Upstream, 'memberId' | 'address'>,
): ListedMember | undefined {
  const url = peerUrlOf({ address });
  return members.find(({ name, peerUrls }) => name === memberId || (name === '' && peerUrls.includes(url)));
}

async function remove(client: Client, { id, name }: ListedMember): Promise<void> {
  try {
    await client.call('cluster/member/remove', { ID: id }, CHANGE_MS);
  } catch (error) {
    if (!(error instanceof EtcdError)) throw error;
    if (/member not found/.test(error.message)) return;
    const code = error.code === UNAVAILABLE ? 'unavailable' : 'refused';
    throw new DriverError(code, `etcd keeps member ${name}: ${error.message}`, { cause: error });
  }
}
