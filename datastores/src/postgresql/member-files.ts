// The server's files on the volume: written whole, each time, from what the server is to be.
import { existsSync } from 'node:fs';
import type { DriverOptions } from '../driver.ts';
import { readIfThere, writeDurably } from '../durable-files.ts';
import { type MemberSettings, type ReplicationSettings, renderConfig, renderIdent } from './config.ts';
import type { Layout } from './layout.ts';
import { sizesFor } from './sizes.ts';

export class MemberFiles {
  readonly #options: DriverOptions;
  readonly #layout: Layout;

  constructor(options: DriverOptions, layout: Layout) {
    this.#options = options;
    this.#layout = layout;
  }

  async write(replication: ReplicationSettings): Promise<void> {
    const options = { mode: 0o600, owner: this.#options.owner };
    const settings = this.#settings();
    await writeDurably(this.#layout.identFile, renderIdent(settings), options);
    await writeDurably(this.#layout.configFile, renderConfig(settings, replication), options);
    if (existsSync(this.#layout.autoConfigFile)) await writeDurably(this.#layout.autoConfigFile, '', options);
  }

  /** True when this is what the files say; the server may not have read them. */
  async say(replication: ReplicationSettings): Promise<boolean> {
    return (await readIfThere(this.#layout.configFile)) === renderConfig(this.#settings(), replication);
  }

  #settings(): MemberSettings {
    const { clusterId, memberId, address, port, owner, memoryMib } = this.#options;
    const timezone = existsSync('/usr/share/zoneinfo/UTC') ? 'UTC' : 'GMT';
    const own = { clusterId, memberId, address, port, layout: this.#layout, agentUser: owner.agentUser };
    return { ...own, timezone, sizes: sizesFor(memoryMib) };
  }
}
