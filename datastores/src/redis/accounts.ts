// Who may come in. Redis does not copy its users, so every member keeps them, and a file says at every start that the door
// is shut.
import { createHash } from 'node:crypto';
import type { Admin, DriverOptions } from '../driver.ts';
import type { Client } from './client.ts';
import { AGENT_USER, REPLICATION_USER, renderAcl, tenantRules, type User } from './config.ts';
import type { Layout } from './layout.ts';
import type { RecordFile } from './record.ts';

const VERIFIER = /^[0-9a-f]{64}$/;

export interface AccountsParts {
  readonly options: DriverOptions;
  readonly layout: Layout;
  readonly client: Client;
  readonly record: RecordFile;
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

  /** All users there are; who is no longer among them is cut off. */
  async take(users: readonly User[]): Promise<void> {
    const { record, client } = this.#parts;
    const before = record.value.users;
    if (JSON.stringify(before) === JSON.stringify(users)) return;
    for (const { hash } of users) if (!VERIFIER.test(hash)) throw new Error('A user has no verifier of Redis.');
    await record.change({ users });
    const isOpen = this.#isOpen;
    await this.write();
    this.#isOpen = isOpen;
    for (const user of users) await this.#set(user, isOpen ? 'open' : 'shut');
    for (const { name } of before) {
      if (!users.some((user) => user.name === name)) await client.call('ACL', 'DELUSER', name);
    }
    // Who changed their password comes in anew.
    for (const user of users) {
      const old = before.find(({ name }) => name === user.name);
      if (old !== undefined && old.hash !== user.hash) await client.call('CLIENT', 'KILL', 'USER', user.name);
    }
  }

  async #set(user: User, door: 'open' | 'shut'): Promise<void> {
    if (user.name === AGENT_USER || user.name === REPLICATION_USER) throw new Error(`${user.name} is our own.`);
    await this.#parts.client.call('ACL', 'SETUSER', user.name, ...tenantRules(user, door));
  }
}

function hashOf(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}
