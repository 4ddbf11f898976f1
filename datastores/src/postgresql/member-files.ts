// The server's files on the volume: written whole, each time, from what the server is to be.
import { existsSync } from 'node:fs';
import type { DriverOptions } from '../driver.ts';
import type { ParameterValues } from '../parameters.ts';
import { type MemberSettings, type ReplicationSettings, renderConfig, renderIdent } from './config.ts';
import type { Layout } from './layout.ts';
import { sizesFor } from './sizes.ts';

export class MemberFiles {
  readonly #options: DriverOptions;
  readonly #layout: Layout;

  /** What the server is told of the tenant's wishes when its files are written next. */
  parameters: ParameterValues;

  constructor(options: DriverOptions, layout: Layout) {
    this.#options = options;
    this.#layout = layout;
    this.parameters = options.parameters ?? {};
  }

  async write(replication: ReplicationSettings): Promise<void> {
    const { files } = this.#options;
    const options = { mode: 0o600, owner: this.#options.owner };
    const settings = this.#settings();
    await files.writeDurably(this.#layout.identFile, renderIdent(settings), options);
    await files.writeDurably(this.#layout.configFile, renderConfig(settings, replication), options);
    const { autoConfigFile } = this.#layout;
    if ((await files.size(autoConfigFile)) !== undefined) await files.writeDurably(autoConfigFile, '', options);
  }

  /** True when this is what the files say; the server may not have read them. */
  async say(replication: ReplicationSettings): Promise<boolean> {
    return (
      (await this.#options.files.readIfThere(this.#layout.configFile)) === renderConfig(this.#settings(), replication)
    );
  }

  #settings(): MemberSettings {
    const { clusterId, memberId, address, serverPort: port, owner, memoryMib } = this.#options;
    const timezone = existsSync('/usr/share/zoneinfo/UTC') ? 'UTC' : 'GMT';
    const own = { clusterId, memberId, address, port, layout: this.#layout, agentUser: owner.agentUser };
    return { ...own, timezone, sizes: sizesFor(memoryMib), parameters: this.parameters };
  }
}
