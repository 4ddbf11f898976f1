// Who may come in. Redis does not copy its users, so every member keeps them, and a file says at every start that the door
// is shut.
import { createHash } from 'node:crypto';
import type { Accounts as Tenants } from '../accounts.ts';
import type { Admin, DriverOptions } from '../driver.ts';
import { AGENT_USER, REPLICATION_USER } from './account-names.ts';
import type { Client } from './client.ts';
import { renderAcl, tenantRules, type User } from './config.ts';
import type { Layout } from './layout.ts';
import type { RecordFile } from './record.ts';
import type { RedisServer } from './server.ts';
import type { Share } from './share.ts';

const VERIFIER = /^[0-9a-f]{64}$/;

export interface AccountsParts {
  readonly options: DriverOptions;
  readonly layout: Layout;
  readonly client: Client;
  readonly record: RecordFile;
  readonly server: Pick<RedisServer, 'pid'>;
}

export class Accounts {
  readonly #parts: AccountsParts;
  #isOpen = false;

  constructor(parts: AccountsParts) {
    this.#parts = parts;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Before a start: whoever is in the file, the door is shut. */
  async write(): Promise<void> {
    const { options, layout, record } = this.#parts;
    const { users, agentSecret, secret } = record.value;
    this.#isOpen = false;
    const text = renderAcl(users, { agent: hashOf(agentSecret), replication: hashOf(secret) });
    await options.files.writeDurably(layout.aclFile, text, { mode: 0o600, owner: options.owner });
  }

  /** A server that was not restarted has its door as it was. */
  async recover(): Promise<void> {
    const [first] = this.#parts.record.value.users;
    if (first === undefined) return;
    const list = (await this.#parts.client.call('ACL', 'LIST').catch(() => [])) as string[];
    this.#isOpen = list.some((line) => line.startsWith(`user ${first.name} on `));
  }

  ended(): void {
    this.#isOpen = false;
  }

  async open(): Promise<void> {
    for (const user of this.#parts.record.value.users) await this.#set(user, 'open');
    this.#isOpen = true;
  }

  /** Also ends the sessions that came through. */
  async shut(): Promise<void> {
    this.#isOpen = false;
    for (const user of this.#parts.record.value.users) {
      await this.#set(user, 'shut');
      await this.#parts.client.call('CLIENT', 'KILL', 'USER', user.name);
    }
  }

  async ensureAdmin({ name, verifier, generation }: Admin): Promise<void> {
    const { users } = this.#parts.record.value;
    const known = users.find((user) => user.name === name);
    if (known !== undefined && known.generation >= generation) return;
    await this.take([...users.filter((user) => user.name !== name), { name, hash: verifier, generation }]);
  }

  /** Users beside the first, of which an older list is left alone. */
  async takeTenants({ generation, users: wanted, gone }: Tenants): Promise<void> {
    const { users, accountsGeneration } = this.#parts.record.value;
    if (generation < accountsGeneration) return;
    const told = wanted.map(({ name, verifier, grants }) => ({ name, hash: verifier, generation: 0, grants }));
    const isLeft = ({ name, grants }: User): boolean =>
      grants === undefined || !(gone.users.includes(name) || told.some((user) => user.name === name));
    await this.take([...users.filter(isLeft), ...told], generation);
  }

  /** What the primary tells; users beside the first are the newer ones of both. */
  async takeShare(share: Pick<Share, 'users' | 'accountsGeneration'>): Promise<void> {
    const { record, server } = this.#parts;
    const own = record.value;
    const isNewer = share.accountsGeneration >= own.accountsGeneration;
    const users = isNewer
      ? share.users
      : [...share.users.filter(isFirst), ...own.users.filter((user) => !isFirst(user))];
    const accountsGeneration = Math.max(share.accountsGeneration, own.accountsGeneration);
    if (server.pid === undefined) await record.change({ users, accountsGeneration });
    else if (JSON.stringify(users) !== JSON.stringify(own.users)) await this.take(users, accountsGeneration);
  }

  /** All users there are; who is no longer among them is cut off. What was broken off is done again by a repeat. */
  async take(users: readonly User[], accountsGeneration = this.#parts.record.value.accountsGeneration): Promise<void> {
    const { record, client } = this.#parts;
    const before = record.value.users;
    for (const { hash } of users) if (!VERIFIER.test(hash)) throw new Error('A user has no verifier of Redis.');
    const isOpen = this.#isOpen;
    for (const user of users) await this.#set(user, isOpen ? 'open' : 'shut');
    for (const { name } of before) {
      if (!users.some((user) => user.name === name)) await client.call('ACL', 'DELUSER', name);
    }
    // Who changed their password comes in anew.
    for (const user of users) {
      const old = before.find(({ name }) => name === user.name);
      if (old !== undefined && old.hash !== user.hash) await client.call('CLIENT', 'KILL', 'USER', user.name);
    }
    await record.change({ users, accountsGeneration });
    await this.write();
    this.#isOpen = isOpen;
  }

  async #set(user: User, door: 'open' | 'shut'): Promise<void> {
    if (user.name === AGENT_USER || user.name === REPLICATION_USER) throw new Error(`${user.name} is our own.`);
    await this.#parts.client.call('ACL', 'SETUSER', user.name, ...tenantRules(user, door));
  }
}

function isFirst({ grants }: User): boolean {
  return grants === undefined;
}

function hashOf(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}
